'use strict'

// The workers that the calling thread started. Of those that never load the package, V8's words can be had through
// Node alone, where it has worker.getHeapStatistics(): from 22 on.

const native = require('../native')

class StartedWorker {
  #worker
  #pending = null
  /** Node forgets it when the worker ends. */
  threadId
  /** What V8 said last, `{ statistics, at }`, or null. */
  words = null

  constructor(worker) {
    this.#worker = worker
    this.threadId = worker.threadId
  }

  get isAlive() {
    return this.#worker.threadId > 0
  }

  get name() {
    return this.#worker.threadName || null
  }

  /** Resolves when V8 has answered, or the worker has ended. One that is blocked is not asked twice. */
  ask() {
    this.#pending ??= this.#askNow().finally(() => {
      this.#pending = null
    })
    return this.#pending
  }

  async #askNow() {
    try {
      const statistics = await this.#worker.getHeapStatistics?.()
      if (statistics) this.words = { statistics, at: performance.now() }
    } catch {
      // It ended meanwhile: there is nothing to say any more.
    }
  }
}

/** With the answers of workers: it is over when they have come, after `waitMs`, or when somebody ends it. */
class Patience {
  #timer
  #end
  isOver = Promise.resolve()

  constructor(workers, waitMs) {
    if (waitMs === 0 || workers.length === 0) return
    this.isOver = new Promise((resolve) => {
      this.#end = resolve
      this.#timer = setTimeout(resolve, Math.min(waitMs, LONGEST_TIMEOUT))
      Promise.all(workers.map((worker) => worker.ask())).then(resolve)
    })
  }

  end() {
    clearTimeout(this.#timer)
    this.#end?.()
  }
}

/** Longer ones overflow a timer of Node's, which then fires at once. */
const LONGEST_TIMEOUT = 2 ** 31 - 1

/**
 * Kept by the thread and not by this module, which may be loaded any number of times. The number counts the forms that
 * its entries have had: versions of the package that have the same form share it.
 */
const STARTED = Symbol.for('rs-memusage/started-workers/1')

if (!process[STARTED]) {
  const started = new Set()
  Object.defineProperty(process, STARTED, { value: started })
  process.on('worker', (worker) => {
    const entry = new StartedWorker(worker)
    started.add(entry)
    worker.once('exit', () => started.delete(entry))
  })
}

/** Those that are alive and not on the registry, in the order in which they started. They are asked on the side. */
function unregisteredWorkers() {
  const workers = [...process[STARTED]].filter(
    ({ threadId, isAlive }) => isAlive && !native.isRegistered(threadId),
  )
  for (const worker of workers) worker.ask()
  return workers.sort((a, b) => a.threadId - b.threadId)
}

module.exports = { Patience, unregisteredWorkers }
