'use strict'

// What a call costs, by the clock as it was at load: test frameworks replace it.

const now = process.hrtime.bigint

class Stopwatch {
  #start = now()

  /** Microseconds since it was made. */
  get micros() {
    return Number(now() - this.#start) / 1000
  }
}

module.exports = { Stopwatch }
