'use strict'

const { once } = require('node:events')
const { join } = require('node:path')
const { Worker } = require('node:worker_threads')

/** A worker that fixtures/pool-worker.js runs in. */
class PoolWorker {
  #worker = new Worker(join(__dirname, '..', 'fixtures', 'pool-worker.js'))

  get threadId() {
    return this.#worker.threadId
  }

  /** Has it do one thing, and gives its answer; `transfer` are what goes with the arguments. */
  async tell(command, args = [], transfer = []) {
    this.#worker.postMessage({ command, args }, transfer)
    const [answer] = await once(this.#worker, 'message')
    return answer
  }

  /** Its entry among the threads of an answer of workerRss(). */
  entryOf({ threads }) {
    return threads.find(({ threadId }) => threadId === this.threadId)
  }

  async end() {
    await this.#worker.terminate()
  }
}

module.exports = { PoolWorker }
