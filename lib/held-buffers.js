'use strict'

// Buffers followed by finalizers of their ArrayBuffer objects: works in every engine, tells of a death when the
// finalizer runs, and loses sight of memory that is transferred. See backing-stores.js for the better way.

const { isAnyArrayBuffer, isSharedArrayBuffer } = require('node:util/types')
const native = require('../native')
const { threadId } = require('./thread-identity')

const { DETACHED, NOT_A_BUFFER, NOT_DETACHABLE, NOT_OURS } = native.storeOutcomes

/** What is on the books, by ArrayBuffer or SharedArrayBuffer object of this thread. */
const held = new WeakMap()
/** Made at first use: a startup snapshot holds none. */
let finalizers

function registry() {
  finalizers ??= new FinalizationRegistry((number) => native.letGoOfBuffer(number, threadId))
  return finalizers
}

function allocate(size, label) {
  const buffer = zeros(size)
  if (buffer !== undefined) enter(buffer, viewOf(buffer), label, true)
  return buffer
}

function zeros(size) {
  try {
    return new ArrayBuffer(size)
  } catch {
    return undefined // a RangeError: there is no memory left
  }
}

function track(buffer, label) {
  if (!isAnyArrayBuffer(buffer)) return NOT_A_BUFFER
  const view = viewOf(buffer)
  if (view === null) return DETACHED
  const known = held.get(buffer)
  if (known) native.updateHeldBuffer(known.number, view.byteLength, label, threadId)
  else if (view.byteLength > 0 || buffer.resizable || buffer.growable) enter(buffer, view, label, false)
  return undefined
}

function release(buffer) {
  if (!isAnyArrayBuffer(buffer)) return NOT_A_BUFFER
  if (viewOf(buffer) === null) return DETACHED
  const known = held.get(buffer)
  if (!known?.isAllocated) return NOT_OURS
  if (!native.detachBuffer(buffer)) return NOT_DETACHABLE
  held.delete(buffer)
  registry().unregister(buffer)
  native.letGoOfBuffer(known.number, threadId)
  return undefined
}

function enter(buffer, view, label, isAllocated) {
  const holding = {
    address: native.addressOf(view),
    bytes: view.byteLength,
    isShared: isSharedArrayBuffer(buffer),
    label,
    thread: threadId,
    isAllocated,
  }
  const number = native.holdBuffer(holding)
  held.set(buffer, { number, isAllocated })
  registry().register(buffer, number, buffer)
}

function keyOf(buffer) {
  return held.get(buffer)?.number
}

/** The number of an entry is its serial number too. */
function serialAt(number) {
  return number !== undefined && native.isHeld(number) ? number : undefined
}

/** A view of all of it, whose length is the truth whatever the buffer's own properties say; `null` of a detached one. */
function viewOf(buffer) {
  try {
    return new Uint8Array(buffer)
  } catch {
    return null // only a detached one takes no view
  }
}

module.exports = { method: 'finalizer', allocate, keyOf, release, serialAt, track }
