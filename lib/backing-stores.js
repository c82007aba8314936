'use strict'

// Buffers followed by the backing stores behind them: exact at any moment, in all threads, without finalizers.
//
// This and held-buffers.js have the same functions; external-buffers.js takes this one where it works.

const native = require('../native')
const { threadId } = require('./thread-identity')
const { mayLookUpSymbols } = require('./v8-layer')

/** The smallest that is surely no part of the heap. */
const PROBE_BYTES = 8192

/** Whether V8's backing stores are what we believe them to be. Tried once per process, on buffers made for it. */
function areKnown() {
  if (!mayLookUpSymbols()) return false
  if (process.config.variables.v8_enable_sandbox) return false // no memory from outside may be in a buffer there
  const shared = new SharedArrayBuffer(PROBE_BYTES)
  return native.verifyStores(shared, new Uint8Array(shared))
}

/** An ArrayBuffer; `undefined` when there is no memory left. */
function allocate(size, label) {
  return native.allocateStore(size, label, threadId)
}

/** Like all functions here that may refuse: one of `native.storeOutcomes`, or `undefined` when it is done. */
function track(buffer, label) {
  return native.followStore(buffer, label, threadId)
}

function release(buffer) {
  return native.releaseStore(buffer)
}

/** What names the entry of a buffer for as long as that is on the books. */
function keyOf(buffer) {
  return native.storeKey(buffer)
}

/** The serial number of the entry of this key; `undefined` when there is none, or its memory is gone. */
function serialAt(key) {
  return native.storeSerial(key) ?? undefined
}

module.exports = { method: 'backing-store', allocate, areKnown, keyOf, release, serialAt, track }
