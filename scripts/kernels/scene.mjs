// A process of the kind that production runs: 200 MB of heap, 128 MB of buffers and four workers with memory of their
// own. What a look says is compared with smaps, and what it costs with reading smaps, within one run.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { after, before, it } from 'node:test'
import v8 from 'node:v8'

const require = createRequire(import.meta.url)
const { rssBreakdown, workerRss } = require('../../index.js')
const { smapsRollup } = require('../../__test__/helpers/kernel.js')
const { ToldWorker } = require('../../__test__/helpers/told-worker.js')

const MIB = 1024 * 1024
/** How much cheaper than reading smaps a look is at least. */
const AT_LEAST_CHEAPER = 2
const WORKER_HEAP = 24 * MIB
const WORKER_BUFFERS = 16 * MIB

const kept = []
const workers = []

before(async () => {
  while (v8.getHeapStatistics().used_heap_size < 200 * MIB) {
    kept.push(Array.from({ length: 10_000 }, (_, index) => ({ index })))
  }
  kept.push(Array.from({ length: 16 }, () => Buffer.alloc(8 * MIB, 1)))
  for (let count = 0; count < 4; count++) {
    const worker = await ToldWorker.start()
    await worker.tell('hold', 'objects', WORKER_HEAP)
    await worker.tell('hold', 'largeBuffers', WORKER_BUFFERS)
    await worker.tell('collectGarbage')
    workers.push(worker)
  }
  for (let round = 0; round < 3; round++) global.gc()
})

after(() => ToldWorker.endAll())

it('rssBreakdown() adds up to the resident set, and little of it is other', (test) => {
  const [around, breakdown] = withSmapsAround(rssBreakdown)
  const sum = Object.values(breakdown.parts).reduce((total, bytes) => total + bytes, 0)
  assert.equal(sum, breakdown.rss)
  const off = distance(breakdown.rss, around) / around[0]
  const other = breakdown.parts.other / breakdown.rss
  const { residency, v8, malloc } = breakdown.method
  test.diagnostic(
    `rss off by = ${percent(off)}, other = ${percent(other)}, method = ${residency} ${v8} ${malloc}`,
  )
  assert.ok(off <= 0.01, `rss ${breakdown.rss}, smaps ${around}`)
  assert.ok(other <= 0.01, JSON.stringify(breakdown.parts))
  assert.deepEqual([v8, malloc], ['verified', 'verified'])
  assert.ok(
    breakdown.parts.nativeHeap >= 128 * MIB + workers.length * WORKER_BUFFERS,
    JSON.stringify(breakdown.parts),
  )
})

it('workerRss() bills each worker for its heap', async (test) => {
  const said = await Promise.all(workers.map((worker) => worker.tell('statistics')))
  const [around, bills] = withSmapsAround(workerRss)
  const sum = bills.threads.reduce((total, { rss }) => total + rss, bills.shared)
  assert.equal(sum, bills.rss)
  const off = distance(bills.rss, around) / around[0]
  const errors = workers.map((worker, index) => {
    const physical = said[index].total_physical_size
    return (worker.entryOf(bills).v8Heap - physical) / physical
  })
  const worst = Math.max(...errors.map(Math.abs))
  test.diagnostic(`rss of bills off by = ${percent(off)}, heaps of workers off by = ${percent(worst)}`)
  assert.ok(off <= 0.01, `rss ${bills.rss}, smaps ${around}`)
  for (const error of errors) assert.ok(Math.abs(error) <= 0.1, percent(error))
})

for (const look of [rssBreakdown, workerRss]) {
  it(`${look.name}() costs less than half of reading smaps`, (test) => {
    const cheaper = timesCheaper(look)
    test.diagnostic(`${look.name}() cheaper than smaps = ${cheaper.toFixed(1)} times`)
    assert.ok(cheaper >= AT_LEAST_CHEAPER, `${cheaper}`)
  })
}

it('a look that meets pages which were read and never written says what the kernel counts', (test) => {
  const zeros = new Uint8Array(64 * MIB)
  let read = 0
  for (let at = 0; at < zeros.length; at += 4096) read += zeros[at]
  const [around, breakdown] = withSmapsAround(rssBreakdown)
  const off = distance(breakdown.rss, around) / around[0]
  const { residency } = breakdown.method
  const cheaper = timesCheaper(rssBreakdown)
  test.diagnostic(
    `rss beside zeros off by = ${percent(off)}, by = ${residency}, cheaper = ${cheaper.toFixed(1)} times`,
  )
  assert.equal(read + zeros.length, 64 * MIB)
  assert.ok(off <= 0.01, `rss ${breakdown.rss}, smaps ${around}`)
  assert.ok(breakdown.parts.other / breakdown.rss <= 0.01, JSON.stringify(breakdown.parts))
})

/** What the kernel finds when it looks at every page, before and after. */
function withSmapsAround(look) {
  const first = smapsRollup('Rss')
  const answer = look()
  return [[first, smapsRollup('Rss')], answer]
}

/** How far a figure is from what lies between two others. */
function distance(figure, [one, another]) {
  return Math.max(Math.min(one, another) - figure, figure - Math.max(one, another), 0)
}

/** Medians of both, each run first as often as second. What a look finds out once is found out before. */
function timesCheaper(look) {
  const smaps = () => readFileSync('/proc/self/smaps')
  const times = new Map([look, smaps].map((way) => [way, []]))
  look()
  for (let round = 0; round < 20; round++) {
    for (const way of round % 2 === 0 ? [look, smaps] : [smaps, look]) {
      const start = process.hrtime.bigint()
      way()
      times.get(way).push(Number(process.hrtime.bigint() - start))
    }
  }
  return median(times.get(smaps)) / median(times.get(look))
}

function median(numbers) {
  return numbers.toSorted((one, another) => one - another)[Math.floor(numbers.length / 2)]
}

function percent(share) {
  return `${(share * 100).toFixed(2)} %`
}
