'use strict'

// Which allocations are looked at, and what has become of them.
//
// A Poisson process runs along the bytes that are allocated, with one event in `sampleBytes` on average, and an
// allocation is sampled if an event falls into it. That happens to n bytes with probability 1 - exp(-n /
// sampleBytes); each sample stands for the inverse of that, so that sums are right on average whatever the sizes.
// Between events it costs a subtraction and a comparison.

const native = require('../../native')
const { captureStack } = require('./call-stack')
const { FrameTable } = require('./frame-table')
const { bufferOf, byteLengthOf } = require('./memory-of')
const { SiteTree } = require('./site-tree')

/** The users' may be a stub whose sequence is none of our business. */
const { random, log, expm1 } = Math
/** The dead are sought when the list has grown to this, or to twice what was alive last time. */
const FIRST_SWEEP = 1024

class Sampler {
  /** Bytes until the next sample. */
  #left
  #sampleBytes
  #frames = new FrameTable()
  #sites = new SiteTree()
  /** By buffer, for as long as it lives. */
  #samples = new WeakMap()
  #followed = []
  #sweepAt = FIRST_SWEEP

  constructor(sampleBytes) {
    this.#sampleBytes = sampleBytes
    this.#left = this.#draw()
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

  /** No more samples; what is alive of those taken, by site. */
  stop() {
    this.#left = Infinity
    for (const { watch, parts } of this.#followed) {
      const length = liveBytes(watch)
      for (const part of parts) settle(part, length)
      native.unwatch(watch)
    }
    this.#sites.root.prune(({ bytes }) => bytes > 0)
    return this.#sites.root
  }

  #sample(value, bytes, below, start) {
    this.#left = Infinity // whatever is allocated from here on is ours
    try {
      const site = this.#sites.at(this.stackBelow(below))
      const buffer = bufferOf(value)
      const part = { site, start, end: start + bytes, weight: -1 / expm1(-bytes / this.#sampleBytes) }
      const known = this.#samples.get(buffer)
      if (known) known.parts.push(part)
      else this.#follow(buffer, { watch: native.watch(buffer), parts: [part] })
    } catch {
      // No stack or memory left for our own work: users keep what they allocated, and we lose a sample.
    } finally {
      this.#left = this.#draw()
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
    return -log(1 - random()) * this.#sampleBytes
  }
}

/** Bytes that a watched buffer has now: none if it is collected, transferred or detached. */
function liveBytes(watch) {
  const buffer = native.watched(watch)
  return buffer ? byteLengthOf(buffer) : 0
}

/** Adds to its site what a part of a buffer of `length` bytes still holds. */
function settle({ site, start, end, weight }, length) {
  const held = Math.min(end, length) - start
  if (held <= 0) return
  site.bytes += held * weight
  if (start === 0) site.count += weight
}

module.exports = { Sampler }
