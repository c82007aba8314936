// Runs in each Node: starts workers, measures every way to learn the memory of each, and prints the samples as JSON:
// nanoseconds per call, one figure per round. A contender that this Node does not have is null.
//
//   node --expose-gc threads.mjs WORKERS ROUNDS

import { createRequire } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { requireAgreement } from './agreement.mjs'
import { interleave } from './interleave.mjs'
import { asyncSlice } from './slices.mjs'

const { rssBreakdown, workerRss } = createRequire(import.meta.url)('rs-memusage')

/** Some of these take tens of milliseconds a call. */
const WARM_UP_CALLS = 5

const [count, rounds] = process.argv.slice(2).map(Number)
const workers = await Promise.all(Array.from({ length: count }, startWorker))
globalThis.gc()
await sleep(2000) // V8 sweeps in the background, and gives pages back

requireAgreement({
  'process.memoryUsage()': process.memoryUsage.rss(),
  'workerRss()': workerRss().rss,
  'rssBreakdown()': rssBreakdown().rss,
})
const known = workerRss().threads.filter(({ kind }) => kind === 'worker').length
if (known !== count) throw new Error(`${known} workers are known, and there are ${count}`)

if ('excludeNetwork' in process.report) process.report.excludeNetwork = true
const hasStatistics = typeof workers[0].getHeapStatistics === 'function'

// A report holds up all workers and leaves no cache as it was: what we measure of ourselves does not stand beside it.
const contenders = {
  report: slice(() => process.report.getReport()),
  polling: slice(() => Promise.all(workers.map(poll))),
  ...(hasStatistics && {
    heapStatistics: slice(() => Promise.all(workers.map((worker) => worker.getHeapStatistics()))),
  }),
  breakdown: slice(() => rssBreakdown()),
  workerRss: slice(() => workerRss()),
  patient: slice(() => workerRss({ waitMs: 1000 })),
}
const samples = await interleave(contenders, rounds)
console.log(JSON.stringify({ heapStatistics: null, ...samples }))
for (const worker of workers) worker.terminate()

function slice(call) {
  return asyncSlice(call, WARM_UP_CALLS)
}

function startWorker() {
  return answerOf(new Worker(new URL('./polled-worker.mjs', import.meta.url)), (_, worker) => worker)
}

function poll(worker) {
  worker.postMessage('memoryUsage')
  return answerOf(worker, (answer) => answer)
}

function answerOf(worker, pick) {
  return new Promise((resolve, reject) => {
    worker.once('message', (answer) => {
      worker.off('error', reject)
      resolve(pick(answer, worker))
    })
    worker.once('error', reject)
  })
}
