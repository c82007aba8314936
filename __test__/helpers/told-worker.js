'use strict'

const { once } = require('node:events')
const { existsSync, mkdtempSync, rmSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { setTimeout: pause } = require('node:timers/promises')
const { Worker } = require('node:worker_threads')

const script = join(__dirname, '..', 'fixtures', 'told-worker.js')
const root = join(__dirname, '..', '..')

/** A worker that holds memory and is busy as it is told. */
class ToldWorker {
  static #alive = new Set()
  #worker

  /** `load` is where the package is loaded from; `null` for a worker that never loads it. */
  static async start({ load = root, ...options } = {}) {
    const told = new ToldWorker(new Worker(script, { ...options, workerData: { load } }))
    await told.#answer()
    return told
  }

  /** A process does not end before its workers. */
  static async endAll() {
    await Promise.all([...ToldWorker.#alive].map((told) => told.end()))
  }

  constructor(worker) {
    this.#worker = worker
    ToldWorker.#alive.add(this)
    this.threadId = worker.threadId
  }

  get threadName() {
    return this.#worker.threadName
  }

  /** Has it do one thing, and gives its answer. It has answered before it takes up an occupation. */
  async tell(command, ...args) {
    this.#worker.postMessage({ command, args })
    return this.#answer()
  }

  /** Has it wait in a synchronous call, where nothing reaches it; gives how to end that. */
  async block() {
    const folder = mkdtempSync(join(tmpdir(), 'rs-memusage-'))
    const mark = join(folder, 'blocked')
    await this.tell('become', 'execSync', folder, mark)
    while (!existsSync(mark)) await pause(5)
    return () => rmSync(folder, { recursive: true })
  }

  async end() {
    ToldWorker.#alive.delete(this)
    await this.#worker.terminate()
  }

  /** Its entry among the threads of an answer of workerRss(). */
  entryOf({ threads }) {
    return threads.find(({ threadId }) => threadId === this.threadId)
  }

  async #answer() {
    const [{ answer }] = await once(this.#worker, 'message') // rejects on 'error'
    return answer
  }
}

module.exports = { ToldWorker }
