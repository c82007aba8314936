'use strict'

const EXACT = ['heapTotal', 'external', 'arrayBuffers']
const STILL_BYTES = 32 * 1024

/**
 * Ours between two of Node's own answers. V8 adds and drops pages at any allocation, that of the answers included,
 * and works on the heap in the background: until the two of Node's say the same, all are asked again.
 */
function atOneMoment(ours, core = process.memoryUsage) {
  for (let attempt = 0; attempt < 100; attempt++) {
    const before = core()
    const answer = ours()
    const after = core()
    const exact = EXACT.every((figure) => before[figure] === after[figure])
    const still = Math.abs(after.heapUsed - before.heapUsed) < STILL_BYTES
    if (exact && still) return { ours: answer, core: after }
  }
  throw new Error('the heap was not still for a moment')
}

module.exports = { atOneMoment }
