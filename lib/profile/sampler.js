'use strict'

// Which allocations are looked at, and what has become of them.
//
// A Poisson process runs along the bytes that are allocated, with one event in `sampleBytes` on average, and an
// allocation is sampled if an event falls into it. That happens to n bytes with probability 1 - exp(-n /
// sampleBytes); each sample stands for the inverse of that, so that sums are right on average whatever the sizes.
// Between events it costs a subtraction and a comparison. `pace.js` says how large `sampleBytes` is.

const { isSharedArrayBuffer } = require('node:util/types')
const native = require('../../native')
const { captureStack } = require('./call-stack')
const { FrameTable } = require('./frame-table')
const { bufferOf, byteLengthOf } = require('./memory-of')
const { Pace } = require('./pace')
const { SiteTree } = require('./site-tree')

/** The users' may be a stub. */
const { expm1 } = Math
/** The dead are sought when the list has grown to this, or to twice what was alive last time. */
const FIRST_SWEEP = 1024

class Sampler {
  /** Bytes until the next sample, and how many they were at first. */
  #left
  #drawn
  /** Bytes of all allocations up to the last sample. */
  #watched = 0
  #pace
  #frames = new FrameTable()
  #sites = new SiteTree()
  /** By buffer, for as long as it lives. */
  #samples = new WeakMap()
  #followed = []
  #sweepAt = FIRST_SWEEP

  /** `rate` is what a Pace takes. */
  constructor(rate) {
    this.#pace = new Pace(rate)
    this.#draw()
  }

  /** `value`, a buffer or a view of one, got `bytes` of memory from its byte `start` on, in the caller of `below`. */
  allocated(value, bytes, below, start = 0) {
    this.#left -= bytes
    if (this.#left < 0) this.#sample(value, bytes, below, start)
  }

  /** All memory of `from` is now that of `to`. */
  moved(from, to) {
    const sample = this.#samples.get(from)
    if (sample) this.#follow(to, { ...sample, watch: native.watch(to) })
  }

  /** A resizable buffer gave back what it held beyond `bytes`. What it gets later is not the same memory. */
  shrunk(buffer, bytes) {
    for (const part of this.#samples.get(buffer)?.parts ?? []) part.end = Math.min(part.end, bytes)
  }

  /** The stack that allocated a buffer, innermost frame first; `null` for one that was not sampled. */
  stackOf(buffer) {
    return this.#samples.get(buffer)?.parts[0].site.stack ?? null
  }

  /** The stack of the running call from the caller of `below` on, in the same form. */
  stackBelow(below) {
    return captureStack(below).map((callSite) => this.#frames.frameOf(callSite))
  }

  /** No more samples. What is alive of those taken, by site; what was watched; and how samples were taken. */
  stop() {
    this.#pause()
    let unsharedBytes = 0
    for (const { watch, parts } of this.#followed) {
      const buffer = native.watched(watch)
      native.unwatch(watch)
      if (!buffer) continue // collected
      const length = byteLengthOf(buffer) // none if it was transferred or detached
      const held = parts.reduce((sum, part) => sum + settle(part, length), 0)
      if (!isSharedArrayBuffer(buffer)) unsharedBytes += held
    }
    this.#sites.root.prune(({ bytes }) => bytes > 0)
    const { root } = this.#sites
    return { root, watchedBytes: this.#watched, unsharedBytes, sampling: this.#pace.summary() }
  }

  #sample(value, bytes, below, start) {
    this.#pause() // whatever is allocated from here on is ours
    const begun = this.#pace.begin()
    try {
      const site = this.#sites.at(this.stackBelow(below))
      const buffer = bufferOf(value)
      const part = { site, start, end: start + bytes, weight: -1 / expm1(-bytes / this.#pace.sampleBytes) }
      const known = this.#samples.get(buffer)
      if (known) known.parts.push(part)
      else this.#follow(buffer, { watch: native.watch(buffer), parts: [part] })
    } catch {
      // No stack or memory left for our own work: users keep what they allocated, and we lose a sample.
    } finally {
      this.#pace.end(begun)
      this.#draw()
    }
  }

  #follow(buffer, sample) {
    this.#samples.set(buffer, sample)
    this.#followed.push(sample)
    if (this.#followed.length >= this.#sweepAt) this.#sweep()
  }

  #sweep() {
    const alive = []
    for (const sample of this.#followed) {
      if (native.watched(sample.watch)) alive.push(sample)
      else native.unwatch(sample.watch)
    }
    this.#followed = alive
    this.#sweepAt = Math.max(FIRST_SWEEP, 2 * alive.length)
  }

  #draw() {
    this.#drawn = this.#pace.draw()
    this.#left = this.#drawn
  }

  #pause() {
    this.#watched += this.#drawn - this.#left
    this.#left = Infinity
  }
}

/** Adds to its site what a part of a buffer of `length` bytes still holds, and gives how much that stands for. */
function settle({ site, start, end, weight }, length) {
  const held = Math.min(end, length) - start
  if (held <= 0) return 0
  site.bytes += held * weight
  if (start === 0) site.count += weight
  return held * weight
}

module.exports = { Sampler }
