'use strict'

const native = require('../native')
const { ownError } = require('./own-realm')
const { heapStatistics, v8Layer } = require('./v8-layer')

const { readRss, readTotals, slots } = native
const { FAILED, RSS, HEAP_TOTAL, HEAP_USED, EXTERNAL, ARRAY_BUFFERS, HEAP_LIMIT } = native.slotNumbers

// Captured at load: users may replace process.memoryUsage with ours.
const core = process.memoryUsage

function rss() {
  readRss()
  return slots[FAILED] === 0 ? slots[RSS] : native.rss() // the slow twin answers, or throws with the reason
}

/** Every figure from the addon. */
function memoryUsageFromSlots() {
  readTotals()
  const resident = slots[FAILED] === 0 ? slots[RSS] : native.rss()
  return {
    rss: resident,
    heapTotal: slots[HEAP_TOTAL],
    heapUsed: slots[HEAP_USED],
    external: slots[EXTERNAL],
    arrayBuffers: slots[ARRAY_BUFFERS],
    heapLimit: slots[HEAP_LIMIT],
  }
}

/** The place of the buffer counter was not found: that one figure from Node. */
function memoryUsageWithoutCounter() {
  return { ...memoryUsageFromSlots(), arrayBuffers: coreMemoryUsage().arrayBuffers }
}

/** Resident memory from the addon, V8's figures from Node. */
function memoryUsageFromNode() {
  const heap = heapStatistics()
  return {
    rss: rss(),
    heapTotal: heap.total_heap_size,
    heapUsed: heap.used_heap_size,
    external: heap.external_memory,
    arrayBuffers: coreMemoryUsage().arrayBuffers,
    heapLimit: heap.heap_size_limit,
  }
}

/** Without the addon: all from the engine. */
function memoryUsageUnsupported() {
  const { rss, heapTotal, heapUsed, external, arrayBuffers } = core()
  return {
    rss,
    heapTotal,
    heapUsed,
    external,
    arrayBuffers,
    heapLimit: heapStatistics().heap_size_limit,
  }
}

/** Node's own call, which opens a file: when the descriptor table is full it gets our spare place. */
function coreMemoryUsage() {
  try {
    return core()
  } catch (error) {
    if (!native.borrowSpareDescriptor()) throw ownError(error)
    try {
      return core()
    } finally {
      native.returnSpareDescriptor()
    }
  }
}

/** The way for this thread, from the first call on. */
let chosen = () => {
  chosen = choose()
  return chosen()
}

function choose() {
  if (native.reason) return memoryUsageUnsupported
  const layer = v8Layer()
  if (layer === 'none') return memoryUsageFromNode
  return layer === 'complete' ? memoryUsageFromSlots : memoryUsageWithoutCounter
}

let method

function describeMethod() {
  const layer = v8Layer()
  return Object.freeze({
    rss: native.reason ? 'node' : 'statm',
    v8: layer === 'none' ? 'none' : 'verified',
    arrayBuffers: layer === 'complete' ? 'verified' : 'none',
  })
}

function memoryUsage() {
  return chosen()
}
memoryUsage.rss = native.reason ? () => core.rss() : rss
memoryUsage.peakRss = () => native.peakRss()
memoryUsage.resetPeakRss = () => native.resetPeakRss()
Object.defineProperty(memoryUsage, 'method', {
  get() {
    method ??= describeMethod()
    return method
  },
  enumerable: true,
})

module.exports = { memoryUsage }
