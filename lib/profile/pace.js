'use strict'

// How far apart samples are: as was asked for, and further while they would take too much of the thread's time.
//
// A program that allocates gigabytes a second would spend a fifth of its time on samples at the default distance. So
// the time of each is measured, and comes out of an allowance that fills up at `maxTimeShare` of the time that passes.
// What is in it at first lets a short profile be as fine as was asked for.
//
// Estimates stay right on average: the distance changes at a sample alone, by what happened up to then, and a
// Poisson process has no memory. Each sample is weighed by the distance that was in force when it was drawn.

/** The users' may be a stub whose sequence is none of our business, or a clock that stands still. */
const { log, random } = Math
const now = performance.now.bind(performance)

/** The allowance at most, and at first. Below half of it the distance follows the share of time. */
const MOST_SAVED_MS = 240
/** What took longer was no sample: the thread did not run, or V8 did something that it does once. */
const LONGEST_MS = 0.5
/** Samples from one decision to the next. */
const WINDOW = 16
/** By how much the distance changes in one decision, at most. */
const STEP = 4

class Pace {
  /** Bytes from one sample to the next on average, in force now. */
  sampleBytes
  #asked
  #maxTimeShare
  #startedAt = now()
  #saved = MOST_SAVED_MS
  #window = { startedAt: this.#startedAt, spent: 0, samples: 0 }
  /** Of all samples so far. */
  #spent = 0
  #samples = 0
  #coarsest

  constructor({ sampleBytes, maxTimeShare }) {
    this.sampleBytes = sampleBytes
    this.#asked = sampleBytes
    this.#coarsest = sampleBytes
    this.#maxTimeShare = maxTimeShare
  }

  /** Bytes until the next sample. */
  draw() {
    return -log(1 - random()) * this.sampleBytes
  }

  /** The time before a sample, for `end`. */
  begin() {
    return now()
  }

  /** A sample was taken that began at `begun`. */
  end(begun) {
    const at = now()
    const spent = Math.min(at - begun, LONGEST_MS)
    this.#spent += spent
    this.#samples++
    this.#window.spent += spent
    if (++this.#window.samples === WINDOW) this.#decide(at)
  }

  /** What the result says of it. */
  summary() {
    const elapsed = now() - this.#startedAt
    return {
      samples: this.#samples,
      coarsestSampleBytes: Math.round(this.#coarsest),
      timeShare: elapsed > 0 ? this.#spent / elapsed : null,
      maxTimeShare: this.#maxTimeShare,
    }
  }

  #decide(at) {
    const { startedAt, spent } = this.#window
    const elapsed = at - startedAt
    this.#window = { startedAt: at, spent: 0, samples: 0 }
    if (!(elapsed > 0)) return
    const earned = elapsed * this.#maxTimeShare
    this.#saved = Math.min(this.#saved + earned - spent, MOST_SAVED_MS)
    const wanted = this.#saved > MOST_SAVED_MS / 2 ? 1 / STEP : spent / earned
    const step = Math.min(Math.max(wanted, 1 / STEP), STEP)
    this.sampleBytes = Math.max(this.#asked, this.sampleBytes * step)
    this.#coarsest = Math.max(this.#coarsest, this.sampleBytes)
  }
}

module.exports = { Pace }
