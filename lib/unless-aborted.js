'use strict'

/** Throws the signal's reason if it is aborted. Not by the signal's own method, which polyfills may lack. */
function throwIfAborted(signal) {
  if (signal?.aborted) throw signal.reason
}

/**
 * The promise's outcome, or the signal's reason as soon as it is aborted. `giveUp` then ends what the promise waits for.
 */
function unlessAborted(promise, signal, giveUp) {
  if (!signal) return promise
  return new Promise((resolve, reject) => {
    const abort = () => {
      reject(signal.reason)
      giveUp()
    }
    signal.addEventListener('abort', abort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

module.exports = { throwIfAborted, unlessAborted }
