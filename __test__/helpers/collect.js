'use strict'

/**
 * Collects garbage until `isDone` says so, with turns of the event loop in between for finalizers and for the threads
 * that free what was collected. Says whether it was done before patience ended; the number of rounds is generous, since
 * V8 may need several collections for what the last call left on its stack.
 */
async function collectUntil(isDone, rounds = 200) {
  for (let round = 0; round < rounds; round++) {
    global.gc()
    await new Promise((resolve) => setTimeout(resolve, round < 5 ? 0 : 10))
    if (isDone()) return true
  }
  return false
}

module.exports = { collectUntil }
