'use strict'

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { trim } = require('..')
const { needs, preloaded } = require('./helpers/allocators')
const { inChild, MIB } = require('./helpers/child')
const { isMusl, needsGlibc } = require('./helpers/libc')

const KEYS = ['before', 'after', 'released', 'allocator']
const glibc = needsGlibc("musl's malloc takes no such order")

/** What other threads of a quiet process may take or give back between two readings. */
const NOISE = 8 * MIB

/**
 * Makes garbage, has it collected, and trims twice, with what the breakdown promises before and the kernel's word
 * around each. Runs in a child.
 */
async function trimAfter(makeGarbage) {
  const { readFileSync } = require('node:fs')
  const { rssBreakdown, trim } = require('./index.js')
  const kernel = () => {
    const text = readFileSync('/proc/self/smaps_rollup', 'latin1')
    return Number(/^Rss:\s+(\d+) kB$/m.exec(text)[1]) * 1024
  }
  const pause = () => new Promise((resolve) => setTimeout(resolve, 300)) // V8 frees buffers in the background
  await makeGarbage()
  for (let round = 0; round < 2; round++) {
    global.gc()
    await pause()
  }
  const look = () => {
    const { parts, nativeHeap, method } = rssBreakdown({ allocator: true })
    const before = kernel()
    const result = trim()
    const promise = { retained: nativeHeap.retained, other: parts.other, method: method.malloc }
    return { ...result, ...promise, kernel: before - kernel() }
  }
  return [look(), look()]
}

/** 12,000 deflate streams at once: a burst that leaves the arenas full of free memory. */
async function zlibBurst() {
  const { deflate } = require('node:zlib')
  const { promisify } = require('node:util')
  const data = Buffer.alloc(1024, 'hello world ')
  await Promise.all(Array.from({ length: 12000 }, () => promisify(deflate)(data)))
}

/** 2560 buffers of 100 KiB, 250 MiB: too small for mappings of their own. */
function buffers() {
  const kept = Array.from({ length: 2560 }, () => Buffer.alloc(100 * 1024, 1))
  return kept.length
}

/** Six workers with 300 buffers of 64 KiB, 112 MiB in all, and many objects, that end. */
async function workers() {
  const { Worker } = require('node:worker_threads')
  const script = `
    globalThis.kept = Array.from({ length: 300 }, () => Buffer.alloc(65536, 1))
    globalThis.objects = Array.from({ length: 200000 }, (_, index) => ({ index }))
    setTimeout(() => process.exit(), 800)`
  const run = (resolve) => new Worker(script, { eval: true }).on('exit', resolve)
  await Promise.all(Array.from({ length: 6 }, () => new Promise(run)))
}

const after = (makeGarbage, env = {}) => inChild(`() => (${trimAfter})(${makeGarbage})`, { env })

function assertReleased({ before, after, released, kernel }, atLeast) {
  assert.equal(released, Math.max(before - after, 0))
  assert.ok(released >= atLeast, `released ${released}`)
  assert.ok(Math.abs(released - kernel) < NOISE, `released ${released}, by the kernel ${kernel}`)
}

/** The promise of the breakdown is right to a fifth, and rests on arenas that were recognised. */
function assertPromised({ retained, released, method }) {
  assert.equal(method, 'verified')
  const tolerance = released * 0.2 + NOISE
  assert.ok(Math.abs(retained - released) <= tolerance, `promised ${retained}, released ${released}`)
}

describe('trim()', () => {
  it('takes off RSS what a zlib burst left behind, and no more at the next call', glibc, async () => {
    const [first, second] = await after(zlibBurst)
    assert.equal(first.allocator, 'glibc')
    assertReleased(first, 40 * MIB) // 49 to 64 MiB on Node 20, 22, 24, 26
    assertPromised(first)
    assertReleased(second, 0)
    assertPromised(second)
    assert.ok(second.released < NOISE, `released ${second.released}`)
  })

  it('takes off RSS what a burst left behind in two arenas, where it is gigabytes', glibc, async () => {
    const [first, second] = await after(zlibBurst, { MALLOC_ARENA_MAX: '2' })
    assertReleased(first, 500 * MIB) // 2.0 to 2.5 GiB
    assertPromised(first)
    assert.ok(second.released < NOISE, `released ${second.released}`)
  })

  it('takes off RSS what workers left behind', glibc, async () => {
    // Of each of the six arenas glibc may keep all: where the last small chunk joins what is free to the chunk at the
    // top, which it does at the beginning of a trim and of its own accord, that is neither foreseen nor handed back.
    const [first] = await after(workers)
    assertReleased(first, 16 * MIB) // 47 to 129 MiB in 40 runs
  })

  it(
    'takes nothing off RSS where all that is free is smaller than a page, and it was not promised',
    glibc,
    async () => {
      const [first] = await after(() => {
        require('./__test__/helpers/test-addon.js').checkerboard(400000, 600) // half of 232 MiB
      })
      assertReleased(first, 0)
      assertPromised(first)
      assert.ok(first.released < NOISE, `released ${first.released}`)
    },
  )

  it('takes the whole pages out of holes of two, as promised', glibc, async () => {
    const [first] = await after(() => {
      require('./__test__/helpers/test-addon.js').checkerboard(40000, 8200) // one page in four, of 313 MiB
    })
    assertReleased(first, 64 * MIB)
    assertPromised(first)
  })

  it('knows the main arena also where another mapping keeps it from growing in place', glibc, async () => {
    // V8 puts a code range there by itself in one of a hundred processes of Node 22.
    const [first] = await after(`async () => {
      require('./__test__/helpers/test-addon.js').blockBrk()
      await (${zlibBurst})()
    }`)
    assertReleased(first, 40 * MIB)
    assertPromised(first)
    assert.ok(first.other < NOISE, `${first.other} not explained`)
  })

  it('may be called anywhere and any number of times', async () => {
    const results = await inChild(async () => {
      const { Worker } = require('node:worker_threads')
      const { trim } = require('./index.js')
      const script = `
        const { parentPort, workerData } = require('node:worker_threads')
        parentPort.postMessage(require(workerData).trim())`
      const worker = new Worker(script, { eval: true, workerData: require.resolve('./index.js') })
      const inWorker = await new Promise((resolve, reject) =>
        worker.on('message', resolve).on('error', reject),
      )
      return [inWorker, ...Array.from({ length: 20 }, trim)]
    })
    assert.equal(results.length, 21)
    for (const result of results) {
      assert.deepEqual(Object.keys(result), KEYS)
      if (isMusl) {
        assert.deepEqual(Object.values(result), [null, null, null, null])
        continue
      }
      assert.ok(result.before > 0 && result.after > 0 && result.released >= 0, JSON.stringify(result))
      assert.equal(result.allocator, 'glibc')
    }
  })

  it('never says that less than nothing was released', () => {
    for (let round = 0; round < 100; round++) assert.ok(trim().released >= 0)
  })
})

describe('trim() with another allocator', () => {
  it('asks jemalloc', needs('libjemalloc.so.2'), async () => {
    // Without this jemalloc gives free pages back by itself before we come.
    const env = { ...preloaded('libjemalloc.so.2'), MALLOC_CONF: 'dirty_decay_ms:-1' }
    const [first, second] = await after(buffers, env)
    assert.equal(first.allocator, 'jemalloc')
    assertReleased(first, 64 * MIB)
    assert.ok(second.released < NOISE, `released ${second.released}`)
  })

  it('asks mimalloc', needs('libmimalloc.so.2'), async () => {
    const [first] = await after(buffers, preloaded('libmimalloc.so.2'))
    assert.equal(first.allocator, 'mimalloc')
    assert.equal(first.retained, null)
    assertReleased(first, 64 * MIB) // what V8 freed on other threads comes later or came earlier
  })

  it('leaves tcmalloc alone and says null', needs('libtcmalloc_minimal.so.4'), async () => {
    const [first] = await after(buffers, preloaded('libtcmalloc_minimal.so.4'))
    const { kernel, retained, other, method, ...result } = first
    assert.deepEqual(result, { before: null, after: null, released: null, allocator: 'tcmalloc' })
    assert.deepEqual([retained, other < NOISE, method], [null, true, 'estimated'])
    assert.ok(Math.abs(kernel) < NOISE)
  })
})
