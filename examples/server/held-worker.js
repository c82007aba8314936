'use strict'

const { join } = require('node:path')
const { Worker } = require('node:worker_threads')

const SCRIPT = join(__dirname, 'holding-worker.js')

/** A worker thread from its start to its end, however it comes to that. */
class HeldWorker {
  #thread
  #dismissed = false

  /** What the thread says it holds; 0 while it is starting. */
  bytes = 0
  /** Resolves once the thread holds its memory; rejects if it ends before. */
  ready
  /** Resolves once the thread is gone. */
  ended

  /** `wish` says what it is to hold. */
  constructor(wish) {
    this.#thread = startThread(wish)
    this.kind = wish.kind
    this.threadId = this.#thread.threadId // -1 once it has ended
    this.ended = new Promise((resolve) => this.#thread.once('exit', resolve))
    this.ready = new Promise((resolve, reject) => this.#watch(resolve, reject))
    this.ready.catch(() => {}) // whoever awaits it hears of it
  }

  dismiss() {
    this.#dismissed = true
    this.#thread.terminate()
    return this.ended
  }

  #watch(resolve, reject) {
    this.#thread.once('message', ({ bytes }) => {
      if (this.#dismissed) return
      this.bytes = bytes
      resolve()
    })
    this.#thread.once('exit', (code) => {
      reject(this.#dismissed ? released() : failedStart(`exit code ${code}`))
    })
    // Without a listener the error of a thread would be the uncaught exception of the process.
    this.#thread.on('error', (error) => {
      const reason = error?.message ?? String(error)
      if (this.bytes > 0) console.error(`Worker ${this.threadId} failed: ${reason}`)
      reject(failedStart(reason))
    })
  }
}

function startThread(wish) {
  try {
    return new Worker(SCRIPT, { name: 'holding', workerData: wish })
  } catch (error) {
    throw failedStart(error.message) // the system refuses another thread
  }
}

function failedStart(reason) {
  return new Error(`The worker did not start: ${reason}`)
}

function released() {
  const error = new Error('The worker was released before it held its memory.')
  error.code = 'RELEASED'
  return error
}

module.exports = { HeldWorker }
