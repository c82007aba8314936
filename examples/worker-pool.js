'use strict'

// Which worker of a pool is fat? Renders reports in a pool of four workers (piscina), and prints who owns how much.
//
//   npm install && npm run build && node examples/worker-pool.js
//
// This file is both: the program, and the task that the pool runs in each worker. Its renderer has a common leak, a
// cache in module scope that nobody empties. Every worker has a module scope of its own, so one large report makes
// fat whichever worker happened to render it, for as long as the pool lives.

const { isMainThread, threadId } = require('node:worker_threads')
const { workerRss } = require('rs-memusage') // in the worker too: that puts it on the registry

const MIB = 1024 * 1024
const SHEET_BYTES = 64 * 1024
const WORKERS = 4
/** Sheets of each report. One customer is much larger than the others. */
const REPORTS = Array.from({ length: 40 }, (_, index) => ({ id: index, sheets: index === 23 ? 1024 : 8 }))

const cache = new Map()

/** The task. Tells who did it, and what this worker has kept by now, to compare with what is measured. */
function renderReport({ id, sheets }) {
  cache.set(
    id,
    Array.from({ length: sheets }, () => Buffer.alloc(SHEET_BYTES, 'x')),
  )
  const sheetsKept = [...cache.values()].reduce((sum, report) => sum + report.length, 0)
  return { threadId, reports: cache.size, keptBytes: sheetsKept * SHEET_BYTES }
}

async function main() {
  const { Piscina } = require('piscina')
  const pool = new Piscina({ filename: __filename, minThreads: WORKERS, maxThreads: WORKERS })
  const outcomes = await Promise.all(REPORTS.map((report) => pool.run(report)))
  // A worker answers in order and keeps more with each report: its last word counts.
  const kept = new Map(outcomes.sort((a, b) => a.reports - b.reports).map((last) => [last.threadId, last]))

  // Idle workers of piscina sleep in Atomics.wait(), where they can answer nobody. Their resident bytes are measured
  // all the same; what V8 says is from before, as `ageMs` tells.
  const { rss, shared, threads } = workerRss({ waitMs: 100 })
  const workers = threads.filter(({ kind }) => kind === 'worker').sort((a, b) => b.rss - a.rss)
  console.table(workers.map((worker) => rowOf(worker, kept.get(worker.threadId))))
  console.log(`RSS of the process: ${inMiB(rss)} MiB, ${inMiB(shared)} of it of no single thread.`)
  console.log(`The fattest worker has threadId ${workers[0].threadId}.`)
  await pool.destroy()
}

function rowOf({ threadId, rss, v8Heap, nativeHeap, state }, last) {
  return {
    threadId,
    'RSS (MiB)': inMiB(rss),
    'V8 heap': inMiB(v8Heap),
    'native heap': inMiB(nativeHeap),
    state,
    'reports rendered': last?.reports ?? 0,
    'kept by its cache': inMiB(last?.keptBytes ?? 0),
  }
}

/** What the platform does not tell is null, and stays it. */
function inMiB(bytes) {
  return bytes === null ? null : Number((bytes / MIB).toFixed(1))
}

if (isMainThread) main()
else module.exports = renderReport
