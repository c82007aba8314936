'use strict'

const { collectGarbage } = require('./collect-garbage')
const { HeldWorker } = require('./held-worker')
const { Leak } = require('./leak')
const { MEGABYTE, heapMegabyte, labelledBuffer } = require('./megabyte')

/** The memory that this server keeps alive because somebody asked it to. */
class Holdings {
  #heap = []
  #buffers = []
  /** From their start to their end, so that no thread is ever out of reach of a release. */
  #workers = new Set()
  #lastRelease = Promise.resolve()
  #closed = false
  leak = new Leak()

  keepHeap() {
    this.#heap.push(heapMegabyte())
  }

  keepBuffer({ mb, label }) {
    this.#buffers.push(labelledBuffer(mb, label))
  }

  /** Resolves once the worker is online and holds its memory. */
  async keepWorker(wish) {
    await this.#lastRelease // what is asked for during a release comes after it
    if (this.#closed) throw closing()
    const worker = new HeldWorker(wish)
    this.#workers.add(worker)
    worker.ended.then(() => this.#workers.delete(worker))
    await worker.ready
    return worker
  }

  /** The worker of this threadId from its start to its end; undefined otherwise. */
  worker(threadId) {
    return [...this.#workers].find((worker) => worker.threadId === threadId)
  }

  /** Drops everything, waits until the threads are gone, and says what it was. Releases take turns. */
  release() {
    this.#lastRelease = this.#lastRelease.then(() => this.#releaseNow())
    return this.#lastRelease
  }

  /** A last release, after which no worker starts. */
  close() {
    this.#closed = true
    return this.release()
  }

  summary() {
    const workers = [...this.#workers].filter((worker) => worker.bytes > 0)
    return {
      heap: { count: this.#heap.length, bytes: this.#heap.length * MEGABYTE },
      buffers: { count: this.#buffers.length, bytes: total(this.#buffers.map(({ length }) => length)) },
      leak: this.leak.summary(),
      workers: { count: workers.length, bytes: total(workers.map(({ bytes }) => bytes)) },
    }
  }

  async #releaseNow() {
    const released = this.summary()
    this.#heap = []
    this.#buffers = []
    this.leak.end()
    await Promise.all([...this.#workers].map((worker) => worker.dismiss()))
    // V8 would get to it in its own time; whoever asks for a release wants to see the memory go.
    collectGarbage()
    return released
  }
}

function total(figures) {
  return figures.reduce((sum, figure) => sum + figure, 0)
}

function closing() {
  const error = new Error('The server is stopping and starts no more workers.')
  error.code = 'CLOSING'
  return error
}

module.exports = { Holdings }
