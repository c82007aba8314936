'use strict'

// Decides, once per thread, whether V8's figures may be read through the symbols that the node binary exports.
//
// They may if Node itself answers the same through its own API at the same moment. Anything else leaves the
// JavaScript path in charge, which is right everywhere and slower.
//
// That takes two steps. At load the figures of process.memoryUsage() are compared: they lie at both ends and in the
// middle of what V8 fills, and let the thread answer others. The rest is told by node:v8 alone, which takes longer to
// load than this package: it is asked when the thread itself asks for the first time.

const native = require('../native')
const { isNode } = require('./engine')

// Captured at load: users may replace process.memoryUsage with ours.
const coreMemoryUsage = process.memoryUsage

/** Figures that no allocation between the two readings can change. */
const EXACT = ['heap_size_limit', 'number_of_native_contexts', 'number_of_detached_contexts']
/** Figures that may move by what the comparison itself allocates, or what a background thread does meanwhile. */
const CLOSE = [
  'total_heap_size',
  'total_physical_size',
  'used_heap_size',
  'external_memory',
  'malloced_memory',
  'peak_malloced_memory',
]
const CLOSE_BYTES = 1024 * 1024
/** A garbage collection between two readings can spoil a comparison; three in a row mean that it is not that. */
const ATTEMPTS = 3
/** Odd sizes that nothing else allocates in the same moment. */
const PROBE_BYTES = [1237, 4099]

/** Tries to switch the fast path on. Gives `'complete'`, `'no-array-buffers'` or `'none'`. */
function enableV8Layer() {
  if (!mayLookUpSymbols() || !attempt(totalsAgree)) return 'none'
  const word = findArrayBufferWord()
  native.useV8(word)
  return word === null ? 'no-array-buffers' : 'complete'
}

function mayLookUpSymbols() {
  return !native.reason && process.env.RS_MEMUSAGE_NO_V8 !== '1'
}

/** Node's own figures cannot be had when the descriptor table is full; then all are compared at once. */
function totalsAgree() {
  const ours = native.probeHeapStatistics()
  const theirs = coreFigures()
  if (theirs === null) return figuresAgree()
  return (
    ours !== null &&
    ours.total_heap_size === theirs.heapTotal &&
    ours.external_memory === theirs.external &&
    Math.abs(ours.used_heap_size - theirs.heapUsed) <= CLOSE_BYTES
  )
}

function figuresAgree() {
  const ours = native.probeHeapStatistics()
  const theirs = heapStatistics()
  return (
    ours !== null &&
    EXACT.every((figure) => ours[figure] === theirs[figure]) &&
    CLOSE.every((figure) => Math.abs(ours[figure] - theirs[figure]) <= CLOSE_BYTES) &&
    ours.used_heap_size <= ours.total_heap_size
  )
}

/** The index of the allocator's word that counts `ArrayBuffer` bytes, or null. */
function findArrayBufferWord() {
  let found = null
  attempt(() => {
    const words = native.arrayBufferCandidates()
    if (words === null) return false
    const expected = coreFigures()?.arrayBuffers ?? null
    const matches = words.map((_, index) => index).filter((index) => wordCounts(index, expected))
    if (matches.length === 1) found = matches[0]
    return found !== null
  })
  return found
}

/** Whether this word says what Node says, and moves by exactly what is allocated. */
function wordCounts(index, expected) {
  let before = native.arrayBufferCandidates()[index]
  if (expected !== null && before !== expected) return false
  return PROBE_BYTES.every((bytes) => {
    const probe = new ArrayBuffer(bytes)
    const after = native.arrayBufferCandidates()[index]
    const moved = after - before === probe.byteLength
    before = after
    return moved
  })
}

/** Node's own figures; null when they cannot be had because the descriptor table is full. */
function coreFigures() {
  try {
    return coreMemoryUsage()
  } catch {
    return null
  }
}

function attempt(check) {
  for (let tries = 0; tries < ATTEMPTS; tries++) {
    if (check()) return true
  }
  return false
}

/** Loaded when it is needed; that may be at load, below. */
let v8

/** What V8 says of this thread's isolate. */
function heapStatistics() {
  v8 ??= require('node:v8')
  return v8.getHeapStatistics()
}

let layer = enableV8Layer()
let isSettled = layer === 'none'

/** What of V8 this thread reads through symbols: `'complete'`, `'no-array-buffers'` or `'none'`. */
function v8Layer() {
  if (!isSettled) {
    isSettled = true
    if (!attempt(figuresAgree)) {
      native.distrustV8()
      layer = 'none'
    }
  }
  return layer
}

module.exports = { engineIsV8: isNode, heapStatistics, mayLookUpSymbols, v8Layer }
