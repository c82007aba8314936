'use strict'

// A leak on purpose, to be found: small buffers that come and never go, as of a cache that forgets to forget.

const { externalBuffers } = require('rs-memusage')

const LABEL = 'leak'
const BUFFER_BYTES = 64 * 1024
const PERIOD_MS = 50
/** Who forgets to end it loses this much and no more. */
const MOST_BYTES = 256 * 1024 * 1024

class Leak {
  #most
  #periodMs
  #buffers = []
  #timer

  constructor({ most = MOST_BYTES / BUFFER_BYTES, periodMs = PERIOD_MS } = {}) {
    this.#most = most
    this.#periodMs = periodMs
  }

  /** The first buffer is there at once. Does nothing where it leaks already, or has leaked all that it may. */
  start() {
    if (this.#timer || this.#isFull) return
    this.#timer = setInterval(() => this.#add(), this.#periodMs).unref()
    this.#add()
  }

  /** The memory is back before this returns: it waits for no garbage collection. */
  end() {
    this.#stop()
    for (const buffer of this.#buffers) externalBuffers.release(buffer)
    this.#buffers = []
  }

  summary() {
    return { count: this.#buffers.length, bytes: this.#buffers.length * BUFFER_BYTES }
  }

  /** What it does, besides what it holds. */
  get plan() {
    return {
      label: LABEL,
      growing: this.#timer !== undefined,
      bufferBytes: BUFFER_BYTES,
      periodMs: this.#periodMs,
      mostBytes: this.#most * BUFFER_BYTES,
    }
  }

  get #isFull() {
    return this.#buffers.length >= this.#most
  }

  #add() {
    // Written, for a page that nobody has touched is not resident.
    this.#buffers.push(externalBuffers.allocate(BUFFER_BYTES, { label: LABEL }).fill(1))
    if (this.#isFull) this.#stop()
  }

  #stop() {
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}

module.exports = { Leak }
