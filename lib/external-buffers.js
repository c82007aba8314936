'use strict'

const { constants } = require('node:buffer')
const native = require('../native')
const backingStores = require('./backing-stores')
const heldBuffers = require('./held-buffers')
const { threadId } = require('./thread-identity')
const {
  invalidState,
  invalidType,
  invalidValue,
  validateInteger,
  validateNumber,
  validateOptions,
  validateString,
} = require('./validate')

const ALLOCATE_OPTIONS = ['label']
const LIST_OPTIONS = ['label', 'olderThanMs', 'top']
const ANY_BUFFER = 'an instance of ArrayBuffer, SharedArrayBuffer, Buffer, TypedArray, or DataView'
const { DETACHED, NOT_A_BUFFER, NOT_OURS } = native.storeOutcomes

/** Node knows it from 18.18 on; an older engine has no `using` that could ask for it. */
const DISPOSE = Symbol.dispose

/** Numbers of labels, so that no text has to cross at every call. */
const labelIds = new Map()
/** Buffers of no bytes: there is no memory that could be followed, and still they can be released once. */
const empty = new WeakSet()

let chosen

/** Where buffers were allocated, from the first profile of this thread on. */
let stacks

function allocationStacks() {
  stacks ??= require('./allocation-stacks')
  return stacks
}

/** The way that buffers are followed in this thread; decided at first use. */
function books() {
  if (chosen === undefined) {
    native.useExternalBuffers(threadId)
    chosen = backingStores.areKnown() ? backingStores : heldBuffers
  }
  return chosen
}

function allocate(size, options) {
  validateInteger(size, 'size', 0, constants.MAX_LENGTH)
  const label = options === undefined ? undefined : labelOf(options)
  const memory = size === 0 ? new ArrayBuffer(0) : books().allocate(size, label)
  if (memory === undefined) throw outOfMemory()
  if (size === 0) empty.add(memory)
  else stacks?.allocated(books(), memory, allocate)
  const buffer = Buffer.from(memory)
  if (DISPOSE) Object.defineProperty(buffer, DISPOSE, { value: dispose })
  return buffer
}

/** At the end of a `using` block, where the buffer may have been released or transferred already. */
function dispose() {
  if (this.length > 0) release(this)
}

function release(buffer) {
  const memory = ArrayBuffer.isView(buffer) ? buffer.buffer : buffer
  if (empty.delete(memory) && native.detachBuffer(memory)) return
  const outcome = books().release(memory)
  if (outcome === undefined) return
  if (outcome === NOT_A_BUFFER) throw invalidType('buffer', ANY_BUFFER, buffer)
  if (outcome === DETACHED) throw invalidState('the buffer was released or transferred before')
  if (outcome === NOT_OURS) {
    throw invalidValue('buffer', 'must come from externalBuffers.allocate()', buffer)
  }
  throw invalidState('the engine does not let go of this buffer')
}

function track(value, options) {
  const label = options === undefined ? undefined : labelOf(options)
  const memory = ArrayBuffer.isView(value) ? value.buffer : value
  const outcome = books().track(memory, label)
  if (outcome === undefined) {
    stacks?.tracked(books(), memory)
    return value
  }
  if (outcome === DETACHED) throw invalidState('the buffer was released or transferred before')
  throw invalidType('value', ANY_BUFFER, value)
}

function usage() {
  const { method } = books()
  const { all, peakBytes, allocated, freed, labels, threads } = native.bufferUsage()
  return {
    count: all.count,
    bytes: all.bytes,
    resident: all.resident ?? null,
    peakBytes,
    allocated,
    freed,
    labels: Object.fromEntries(labels.map(shapeLabel)),
    threads: threads.map(shapeThread),
    method,
  }
}

function shapeLabel({ label, count, bytes, resident = null, oldestMs }) {
  return [label, { count, bytes, resident, oldestMs }]
}

function shapeThread({ thread = null, count, bytes, resident = null }) {
  return { threadId: thread, count, bytes, resident }
}

function list(options = {}) {
  validateOptions(options, LIST_OPTIONS)
  const { label, olderThanMs, top } = options
  if (label !== undefined) validateString(label, 'options.label')
  if (olderThanMs !== undefined) validateNumber(olderThanMs, 'options.olderThanMs', 0)
  if (top !== undefined) validateInteger(top, 'options.top', 0, 2 ** 32 - 1)
  books()
  return native.listBuffers({ label, olderThanMs, top }).map(shapeEntry)
}

function shapeEntry({ label, bytes, resident = null, ageMs, thread = null, source, serial }) {
  return { label, bytes, resident, ageMs, threadId: thread, source, stack: stacks?.of(serial) ?? null }
}

function unaccounted() {
  books()
  return native.unaccountedBytes(threadId)
}

/** The number of the label in the options; `undefined` when there is none. */
function labelOf(options) {
  validateOptions(options, ALLOCATE_OPTIONS)
  const { label } = options
  if (label === undefined) return undefined
  let id = labelIds.get(label)
  if (id === undefined) {
    validateString(label, 'options.label')
    id = native.labelId(label)
    labelIds.set(label, id)
  }
  return id
}

function outOfMemory() {
  const error = new RangeError('Failed to allocate memory')
  error.code = 'ERR_MEMORY_ALLOCATION_FAILED'
  return error
}

/** Loaded when it is used: it replaces what JavaScript allocates buffers with, and few processes want that. */
const profile = {
  start(options) {
    native.refuseProfile?.() // where there is no addon
    allocationStacks().profile.start(options)
  },
  stop: () => allocationStacks().profile.stop(),
  startAll: async (options) => {
    native.refuseProfile?.()
    return require('./threads-profile').startAll(options)
  },
  stopAll: async (options) => require('./threads-profile').stopAll(options),
}

const externalBuffers = { allocate, list, profile, release, track, unaccounted, usage }

module.exports = { externalBuffers }
