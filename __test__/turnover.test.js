'use strict'

// What is measured while memory and threads come and go, and beside what they leave behind.

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { inChild, MIB } = require('./helpers/child')
const { pageSize } = require('./helpers/kernel')
const { isMusl } = require('./helpers/libc')
const { assertExplained, mostOther } = require('./helpers/looks')
const { withWorkers } = require('./helpers/worker-bills')

const PAGE = pageSize()

/** Runs `load`, whose result stays alive, and gives a look at the process beside the kernel's count. */
function lookAt(load, options) {
  return inChild(
    `async (...args) => {
      const { lookBesideKernel } = require('./__test__/helpers/looks.js')
      globalThis.kept = await (${load})(...args)
      return lookBesideKernel()
    }`,
    options,
  )
}

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0)

describe('Buffers of different sizes side by side', () => {
  it('counts all in nativeHeap, with deep on the bill of their thread, in three processes (review A.0)', async () => {
    // A Buffer of whole pages less 64 bytes is a chunk of as many pages, with no gap to the next one.
    const pages = [...Array(10).fill(7000), ...Array(3).fill([8000, 1500, 1500, 3000]).flat()]
    const sizes = pages.map((count) => count * PAGE - 64)
    for (let process = 0; process < 3; process++) {
      const look = await lookAt((sizes) => sizes.map((bytes) => Buffer.alloc(bytes, 1)), { args: [sizes] })
      assertExplained(look)
      assert.ok(look.breakdown.parts.nativeHeap >= sum(sizes), JSON.stringify(look.breakdown.parts))
      const [main] = look.deep.threads
      assert.ok(main.arrayBuffers >= sum(sizes), `${main.arrayBuffers} of ${sum(sizes)}`)
    }
  })

  it('counts all in nativeHeap: random multiples of 5 MB, six times (review A.0)', async () => {
    for (let seed = 1; seed <= 6; seed++) {
      const look = await lookAt(
        (seed) => {
          const sizes = []
          let state = seed
          while (sizes.length < 25) {
            state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
            sizes.push((1 + ((state >>> 16) % 6)) * 5e6)
          }
          return sizes.map((bytes) => Buffer.alloc(bytes, 1))
        },
        { args: [seed] },
      )
      assertExplained(look)
    }
  })
})

describe('rss', () => {
  it('is what the kernel counts beside large objects of the heap and memory that was only read (review A.0b)', async () => {
    const look = await lookAt(() => {
      const arrays = [0, 1].map((index) => new Array(25e6).fill(index))
      const zeros = new Uint8Array(2e8)
      return [arrays, zeros, zeros.indexOf(1)]
    })
    assertExplained(look)
    const { v8Heap } = look.breakdown.parts
    assert.ok(v8Heap >= 400e6 && v8Heap < 430e6, String(v8Heap))
  })
})

describe('a JS heap that was in memory as a whole', () => {
  it('is shown without the pages that it lost since the last look, at the next one and at all later ones', async () => {
    const LOST = 96 * MIB
    const looks = await inChild(
      (LOST, MIB) => {
        const { readFileSync } = require('node:fs')
        const { rssBreakdown, workerRss } = require('./index.js')
        const { smapsRollup } = require('./__test__/helpers/kernel.js')
        const addon = require('./__test__/helpers/test-addon.js')
        globalThis.kept = new Array(25e6).fill(1) // one object of 200 MB, in a region of its own
        const lines = readFileSync('/proc/self/maps', 'latin1').split('\n')
        const ranges = lines.map((line) =>
          line
            .match(/[0-9a-f]+/g)
            ?.slice(0, 2)
            .map((hex) => parseInt(hex, 16)),
        )
        const [start] = ranges.find(
          (range) => range && range[1] - range[0] >= 200e6 && range[1] - range[0] < 208e6,
        )
        const look = () => {
          const { rss, parts } = rssBreakdown()
          const threads = workerRss()
          return {
            rss,
            v8Heap: parts.v8Heap,
            other: parts.other,
            threads: threads.rss,
            kernel: smapsRollup('Rss'),
          }
        }
        const whole = Array.from({ length: 20 }, look)
        addon.discard(start + 64 * MIB, LOST) // the numbers there read as 0 from now on
        return { whole, less: Array.from({ length: 20 }, look) }
      },
      { args: [LOST, MIB] },
    )
    const v8Heap = looks.whole.at(-1).v8Heap
    assert.ok(v8Heap >= 200e6, String(v8Heap))
    // Between the figures of one look V8 may allocate a page or two.
    for (const { rss, threads, kernel } of [...looks.whole, ...looks.less]) {
      assert.ok(Math.abs(rss - kernel) <= 2 * MIB, `${rss} beside ${kernel}`)
      assert.ok(Math.abs(threads - kernel) <= 2 * MIB, `${threads} beside ${kernel}`)
    }
    for (const look of looks.less) {
      assert.ok(Math.abs(v8Heap - LOST - look.v8Heap) <= 2 * MIB, `${look.v8Heap} after ${v8Heap}`)
      assert.ok(look.other <= 4 * MIB, `${look.other} in other`)
    }
  })
})

describe('a JS heap that loses a little at a time', () => {
  it('is never shown with more than it has: what was overlooked once does not add up', async () => {
    const LOST = 200 * 1024
    const looks = await inChild(
      (LOST) => {
        const { readFileSync } = require('node:fs')
        const { rssBreakdown } = require('./index.js')
        const { status } = require('./__test__/helpers/kernel.js')
        const addon = require('./__test__/helpers/test-addon.js')
        globalThis.kept = Array.from({ length: 8 }, () => new Array(2.5e6).fill(1)) // each in a region of its own
        const regions = readFileSync('/proc/self/maps', 'latin1').matchAll(/^(\w+)-(\w+) rw/gm)
        const ranges = [...regions].map(([, start, end]) => [parseInt(start, 16), parseInt(end, 16)])
        const starts = ranges.filter(([start, end]) => end - start >= 20e6 && end - start < 21e6)
        for (let count = 0; count < 20; count++) rssBreakdown()
        return Array.from({ length: 40 }, (_, count) => {
          const [start] = starts[count % starts.length]
          addon.discard(start + 2 ** 20 * (1 + Math.floor(count / starts.length)), LOST)
          const { rss } = rssBreakdown()
          return { rss, kernel: status('VmRSS') }
        })
      },
      { args: [LOST] },
    )
    // One loss may be overlooked, and V8 may allocate between the two figures.
    for (const { rss, kernel } of looks) assert.ok(rss - kernel <= 3 * LOST, `${rss} beside ${kernel}`)
  })
})

describe('a worker that starts after another one ended', () => {
  it('is billed for its own heap, not for the pages that V8 keeps of the dead one (review A.1)', async () => {
    const rounds = await withWorkers(
      async (MIB) => {
        const { rssBreakdown, workerRss } = require('./index.js')
        const rounds = []
        for (let round = 0; round < 4; round++) {
          const large = await ToldWorker.start()
          await large.tell('hold', 'objects', 100 * MIB)
          await large.end()
          const small = await ToldWorker.start()
          await small.tell('hold', 'objects', MIB)
          rounds.push({
            statistics: await small.tell('statistics'),
            entry: small.entryOf(workerRss()),
            self: await small.tell('lookAtSelf'),
            deep: small.entryOf(workerRss({ deep: true })),
            main: process.memoryUsage().heapTotal,
            heaps: rssBreakdown().parts.v8Heap,
          })
          await small.end()
        }
        return rounds
      },
      { args: [MIB] },
    )
    for (const { statistics, entry, self, deep, main, heaps } of rounds) {
      // Beyond its own words: the semi-space that V8 may have committed since, and rounding to V8's pages.
      const most = statistics.total_heap_size + 8 * MIB
      for (const { v8Heap } of [entry, self, deep]) {
        assert.ok(v8Heap <= most, `${v8Heap} beside ${statistics.total_heap_size}`)
      }
      // Read-only space, tables and the C++ heaps are in this one.
      assert.ok(heaps <= most + main + 8 * MIB, `${heaps} beside ${statistics.total_heap_size} and ${main}`)
    }
  })
})

/**
 * What is kept is in nativeHeap, and what is foreign, and little more, in other. With musl, whose malloc writes no
 * headers, all of it is in nativeHeap. On a machine that does much else, each
 * reading of a look may meet another moment; then the look says so, and that is seldom.
 */
function assertTrue(looks, kept, mostUnsettled) {
  const unsettled = looks.filter((look) => look.unsettled > 0)
  assert.ok(unsettled.length <= mostUnsettled, `${unsettled.length} of ${looks.length} looks did not settle`)
  const isWrong = ({ rss, other, nativeHeap, foreign = 0, unsettled }) =>
    Math.max(other - foreign - mostOther(rss), (isMusl ? 0 : foreign) - other, kept - nativeHeap) > unsettled
  assert.deepEqual(looks.filter(isWrong), [])
}

describe('a look at a process whose mappings change', () => {
  // One step of the thread beside; `any(from, to)` is a random number of MiB in bytes. Blocks larger than 32 MiB always
  // have a mapping of their own, others as soon as malloc finds no free space for them.
  const blocks = (from, to, written) => `
    if (block[at]) addon.freeBlock(block[at])
    block[at] = addon.allocateBlock(any(${from}, ${to}), ${written})`
  const foreign = `
    if (mapped[at]) addon.unmapForeign(...mapped[at])
    const bytes = any(1, 8)
    mapped[at] = [addon.mapForeign(bytes, 0), bytes]`
  const allocated = `
    if (mapped[at]) externalBuffers.release(mapped[at])
    mapped[at] = externalBuffers.allocate(any(1, 8))`
  for (const [what, step] of [
    ['large blocks of malloc', blocks(33, 41, 33 * MIB)],
    ['blocks of malloc beside mappings of an addon', blocks(1, 8, 65_536) + foreign],
    ['blocks of malloc beside Buffers of allocate()', blocks(1, 8, 65_536) + allocated],
  ]) {
    it(`shows nothing as other that is kept, while a worker makes and drops ${what} (review A.2)`, async () => {
      const script = `
        const { externalBuffers } = require('./index.js')
        const addon = require('./__test__/helpers/test-addon.js')
        const [block, mapped] = [[], []]
        const any = (from, to) => Math.floor(from + Math.random() * (to - from)) * ${MIB}
        require('node:worker_threads').parentPort.postMessage('begins')
        for (;;) {
          const at = Math.floor(Math.random() * 8)
          ${step}
        }`
      const { looks, kept } = await inChild(
        async (script) => {
          const { once } = require('node:events')
          const { Worker } = require('node:worker_threads')
          const { rssBreakdown } = require('./index.js')
          // Every second one is dropped: the gaps between the others are where new mappings go.
          const made = Array.from({ length: 120 }, () => Buffer.alloc(5e6, 1))
          const kept = made.filter((_, index) => index % 2 === 0)
          made.length = 0
          for (let round = 0; round < 3; round++) global.gc()
          const worker = new Worker(script, { eval: true })
          await once(worker, 'message')
          const looks = []
          for (let look = 0; look < 400; look++) {
            const { rss, parts, method } = rssBreakdown()
            looks.push({ rss, other: parts.other, nativeHeap: parts.nativeHeap, unsettled: method.unsettled })
            await new Promise(setImmediate)
          }
          await worker.terminate()
          return { looks, kept: kept.reduce((sum, { length }) => sum + length, 0) }
        },
        { args: [script] },
      )
      assertTrue(looks, kept, looks.length / 20)
    })
  }

  it('settles while an addon maps and unmaps 128 MiB of its own, and never takes kept Buffers for those', async () => {
    const FOREIGN = 128 * MIB
    const ROUNDS = 24
    const script = `
      const addon = require('./__test__/helpers/test-addon.js')
      const block = []
      const any = (from, to) => Math.floor(from + Math.random() * (to - from)) * ${MIB}
      require('node:worker_threads').parentPort.postMessage('begins')
      for (;;) {
        const at = Math.floor(Math.random() * 8)
        ${blocks(33, 41, 33 * MIB)}
      }`
    const { looks, kept } = await inChild(
      async (script, FOREIGN, ROUNDS) => {
        const { once } = require('node:events')
        const { Worker } = require('node:worker_threads')
        const { rssBreakdown } = require('./index.js')
        const addon = require('./__test__/helpers/test-addon.js')
        const kept = Array.from({ length: 60 }, () => Buffer.alloc(5e6, 1))
        const worker = new Worker(script, { eval: true })
        await once(worker, 'message')
        const looks = []
        const look = (foreign) => {
          const { rss, parts, method } = rssBreakdown()
          const { other, nativeHeap } = parts
          looks.push({ rss, other, nativeHeap, foreign, unsettled: method.unsettled })
        }
        for (let round = 0; round < ROUNDS; round++) {
          const address = addon.mapForeign(FOREIGN, FOREIGN)
          look(FOREIGN)
          addon.unmapForeign(address, FOREIGN)
          look(0)
          await new Promise(setImmediate)
        }
        await worker.terminate()
        return { looks, kept: kept.reduce((sum, { length }) => sum + length, 0) }
      },
      { args: [script, FOREIGN, ROUNDS] },
    )
    // The thread beside writes 33 MiB at a time: now and then each of the readings of a look meets such a moment.
    assertTrue(looks, kept, ROUNDS / 4)
  })

  it('puts no pages into memory that another thread has just mapped, and never touched', async () => {
    const SIZE = 32 * MIB
    const MAPPINGS = 200
    const script = `
      const addon = require('./__test__/helpers/test-addon.js')
      const { parentPort } = require('node:worker_threads')
      const untouched = []
      parentPort.postMessage('begins')
      for (let count = 0; count < ${MAPPINGS}; count++) {
        addon.unmapForeign(addon.mapForeign(${SIZE}, ${SIZE}), ${SIZE})
        untouched.push(addon.mapForeign(${SIZE}, 0)) // where the other one was, as a rule
      }
      parentPort.postMessage(untouched)
      setInterval(() => {}, 1000)`
    const present = await inChild(
      async (script, SIZE, PAGE) => {
        const { once } = require('node:events')
        const { openSync, readSync } = require('node:fs')
        const { Worker } = require('node:worker_threads')
        const { rssBreakdown } = require('./index.js')
        const worker = new Worker(script, { eval: true })
        await once(worker, 'message')
        let untouched = null
        worker.once('message', (addresses) => {
          untouched = addresses
        })
        while (untouched === null) {
          rssBreakdown()
          await new Promise(setImmediate)
        }
        const pagemap = openSync('/proc/self/pagemap')
        const entries = new BigUint64Array(SIZE / PAGE)
        let present = 0
        for (const address of untouched) {
          readSync(pagemap, entries, 0, entries.byteLength, (address / PAGE) * 8)
          present += entries.filter((entry) => entry >> 63n === 1n).length
        }
        await worker.terminate()
        return present * PAGE
      },
      { args: [script, SIZE, PAGE] },
    )
    // Between the question what is there and the reading a page may go; a twentieth is far above what was seen.
    assert.ok(present <= (MAPPINGS * SIZE) / 20, `${present / MIB} MiB of pages that nobody wrote`)
  })
})
