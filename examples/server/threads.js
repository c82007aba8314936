'use strict'

// What the server says about its threads.

const { workerRssAsync } = require('rs-memusage')
const { readableSize, size, withSizes } = require('./format')
const { unlessUnsupported } = require('./unless-unsupported')

/** How long to wait for what V8 says of a worker that is busy. The resident bytes are there in any case. */
const WAIT_MS = 50

/** For /status. Both null where the platform does not tell. */
async function threadsReport(holdings) {
  const looked = await look()
  if (!looked) return { threads: null, threadTotals: null }
  const { rss, shared, sharedParts, threads, method, costMicros } = looked
  const runtime = threads.filter(({ kind }) => kind === 'runtime')
  return {
    threads: threads.map((thread) => readableThread(thread, holdings.worker(thread.threadId))),
    threadTotals: {
      rss: size(rss),
      shared: size(shared),
      sharedParts: withSizes(sharedParts),
      runtime: { count: runtime.length, ...size(runtime.reduce((sum, thread) => sum + thread.rss, 0)) },
      method,
      costMicros,
    },
  }
}

/** For /worker/:id. The figures are missing where nobody knows the thread: before it has loaded the package. */
async function workerReport(worker) {
  const looked = await look()
  const thread = looked?.threads.find(({ threadId }) => threadId === worker.threadId)
  return thread ? readableThread(thread, worker) : { threadId: worker.threadId, holds: holdsOf(worker) }
}

/** "3 with 75.1 MiB". Undefined without workers, and where nobody can tell. */
async function fattestWorker(holdings) {
  if (holdings.summary().workers.count === 0) return undefined
  const looked = await workerRssAsync().catch(() => undefined)
  const [fattest] = (looked?.threads ?? [])
    .filter(({ kind, threadId }) => kind === 'worker' && threadId !== null)
    .sort((a, b) => b.rss - a.rss)
  return fattest && `${fattest.threadId} with ${readableSize(fattest.rss)}`
}

function look() {
  return unlessUnsupported(workerRssAsync({ waitMs: WAIT_MS }))
}

/** Of a worker that this server started, also what it holds. */
function readableThread({ threadId, name, kind, state, ageMs, method, ...sizes }, worker) {
  const holds = worker && { holds: holdsOf(worker) }
  return { threadId, name, kind, ...withSizes(sizes), state, ageMs, method, ...holds }
}

/** Without a kind where it holds some of each. */
function holdsOf({ kind, bytes }) {
  return { kind, ...size(bytes) }
}

module.exports = { fattestWorker, holdsOf, threadsReport, workerReport }
