'use strict'

// How much of the memory that came while a profile ran it saw, by V8's own count of what is outside its heap.

const v8 = require('node:v8')
const { engineIsV8 } = require('../v8-layer')

/** V8's count for the calling thread; `null` where the engine is another. No profile is listening. */
function externalBytes() {
  if (!engineIsV8) return null
  new ArrayBuffer(1) // at which V8 takes off its count what it has collected
  return v8.getHeapStatistics().external_memory
}

/**
 * Both sides are what is there now: the live part of what was watched, without shared memory, which V8 counts for
 * nobody, beside V8's count now less that `before`.
 */
function coverageOf({ watchedBytes, unsharedBytes }, before) {
  const now = externalBytes()
  const growth = now === null || before === null ? null : now - before
  return {
    watchedBytes,
    liveBytes: Math.round(unsharedBytes),
    externalGrowthBytes: growth,
    share: shareOf(unsharedBytes, growth),
  }
}

function shareOf(liveBytes, growth) {
  return growth > 0 ? liveBytes / growth : null
}

module.exports = { coverageOf, externalBytes, shareOf }
