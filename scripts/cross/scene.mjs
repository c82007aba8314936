// One scene in a process of its own: what rssBreakdown() says there against what the kernel says, as one line of JSON.

import { createRequire } from 'node:module'
import { release } from 'node:os'
import v8 from 'node:v8'

const require = createRequire(import.meta.url)
const { rssBreakdown, workerRss } = require('../../index.js')
const { pageSize, smapsRollup } = require('../../__test__/helpers/kernel.js')
const { ToldWorker } = require('../../__test__/helpers/told-worker.js')

const MIB = 1024 * 1024
const kept = []
const SCENES = {
  idle() {},
  objects() {
    while (v8.getHeapStatistics().used_heap_size < 200 * MIB) {
      kept.push(Array.from({ length: 10_000 }, (_, index) => ({ index })))
    }
  },
  buffers() {
    kept.push(Array.from({ length: 16 }, () => Buffer.alloc(8 * MIB, 1)))
  },
  async workers() {
    for (let count = 0; count < 4; count++) {
      const worker = await ToldWorker.start()
      await worker.tell('hold', 'objects', 24 * MIB)
      await worker.tell('hold', 'largeBuffers', 16 * MIB)
      await worker.tell('collectGarbage')
    }
  },
}

await SCENES[process.argv[2]]()
for (let round = 0; round < 3; round++) global.gc()
rssBreakdown() // the first look finds things out
const before = rollup()
const { rss, parts, method, nativeHeap, threads } = rssBreakdown()
const after = rollup()
const bills = workerRss()
await ToldWorker.endAll()
const off = before && Math.max(Math.min(before, after) - rss, rss - Math.max(before, after), 0) / before
console.log(
  JSON.stringify({
    addsUp: Object.values(parts).reduce((total, bytes) => total + bytes, 0) === rss,
    billsAddUp: bills.threads.reduce((total, thread) => total + thread.rss, bills.shared) === bills.rss,
    rss,
    off,
    late: lateness() * threads,
    parts,
    method,
    allocator: nativeHeap.allocator,
    heapsOfWorkers: bills.threads.filter(({ threadId }) => threadId > 0).map(({ v8Heap }) => v8Heap),
  }),
)

/**
 * By so many bytes the kernel's own count of resident memory may be late for each thread, for each of the two kinds that
 * a program has much of: before 6.2 a thread told it only after so many page faults. It is `rss`, for the page tables
 * would have to be read for each file to know better.
 */
function lateness() {
  const [major, minor] = release().split('.').map(Number)
  return major < 6 || (major === 6 && minor < 2) ? 2 * 64 * pageSize() : 0
}

/** `null` where there is no such file: the emulation of one process has none. */
function rollup() {
  try {
    return smapsRollup('Rss')
  } catch {
    return null
  }
}
