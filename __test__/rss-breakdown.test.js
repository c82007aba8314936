'use strict'

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { rssBreakdown, rssBreakdownAsync } = require('..')
const { needs, preloaded } = require('./helpers/allocators')
const { inChild, MIB } = require('./helpers/child')
const { commonHugePage } = require('./helpers/kernel')
const { isMusl, needsAddonOf, needsGlibc } = require('./helpers/libc')
const { PARTS } = require('./helpers/parts')

/** musl's malloc writes no headers that could be verified. */
const MALLOC = isMusl ? 'estimated' : 'verified'
/** Bare mappings carry no sign of an owner. Beside a malloc without headers they look like memory of that. */
const BARE = isMusl ? 'nativeHeap' : 'other'
/** What small blocks may take more than was asked for: musl has four sizes of them to each doubling. */
const SMALL_BLOCKS = isMusl ? 0.12 : 0.03

/** What must hold for every breakdown. */
function assertConsistent(breakdown) {
  assert.deepEqual(Object.keys(breakdown.parts), PARTS)
  for (const [name, bytes] of Object.entries(breakdown.parts)) {
    assert.ok(Number.isSafeInteger(bytes) && bytes >= 0, `${name}: ${bytes}`)
  }
  const sum = Object.values(breakdown.parts).reduce((total, bytes) => total + bytes, 0)
  assert.equal(sum, breakdown.rss)
  assert.equal(breakdown.nativeHeap.resident, breakdown.parts.nativeHeap)
}

/** The sum is exact, and it is the kernel's: between what smaps_rollup says before and after. */
function assertIsRss({ breakdown, before, after }) {
  assertConsistent(breakdown)
  const tolerance = Math.max(breakdown.rss * 0.005, MIB)
  assert.ok(
    breakdown.rss >= Math.min(before, after) - tolerance,
    `${breakdown.rss} below ${before}, ${after}`,
  )
  assert.ok(
    breakdown.rss <= Math.max(before, after) + tolerance,
    `${breakdown.rss} above ${before}, ${after}`,
  )
}

function assertLittleIsOther(breakdown, what) {
  const share = breakdown.parts.other / breakdown.rss
  assert.ok(share <= 0.01, `${what}: ${(share * 100).toFixed(2)} % of ${breakdown.rss} is other`)
}

/**
 * Runs `load` in a child and gives the breakdowns before and after it, each between two readings of smaps_rollup.
 * `load` may return a promise; what it puts on `globalThis` stays alive.
 */
function aroundLoad(load, options) {
  const body = `async (...args) => {
    const { rssBreakdown } = require('./index.js')
    const { smapsRollup } = require('./__test__/helpers/kernel.js')
    const look = () => {
      rssBreakdown() // the first call compiles
      const before = smapsRollup('Rss')
      const breakdown = rssBreakdown()
      return { breakdown, before, after: smapsRollup('Rss') }
    }
    const idle = look()
    const extra = await (${load})(look, ...args)
    return { idle, loaded: look(), extra }
  }`
  return inChild(body, options)
}

function assertGrewBy(part, bytes, { idle, loaded }, tolerance = 0.03) {
  const grown = loaded.breakdown.parts[part] - idle.breakdown.parts[part]
  assert.ok(Math.abs(grown - bytes) <= bytes * tolerance, `${part} grew by ${grown}, not by ${bytes}`)
}

describe('rssBreakdown()', () => {
  it('adds up to RSS in an idle process, with little unexplained and V8 verified', async () => {
    const { loaded } = await aroundLoad(() => {})
    assertIsRss(loaded)
    assertLittleIsOther(loaded.breakdown, 'idle')
    const method = { residency: 'mincore', v8: 'verified', malloc: MALLOC, unsettled: 0 }
    assert.deepEqual(loaded.breakdown.method, method)
    assert.ok(loaded.breakdown.threads >= 5) // libuv and V8's platform start some
    const { arenas } = loaded.breakdown.nativeHeap
    assert.ok(isMusl ? arenas === null : arenas >= 1, String(arenas))
    assert.ok(loaded.breakdown.costMicros > 0)
  })

  it('counts 256 MiB of objects in v8Heap', async () => {
    const answer = await aroundLoad(() => {
      globalThis.kept = []
      while (process.memoryUsage().heapUsed < 256 * 1024 * 1024)
        kept.push(Array.from({ length: 1000 }, () => ({})))
      global.gc()
      global.gc()
      return require('node:v8').getHeapStatistics().total_physical_size
    })
    assertIsRss(answer.loaded)
    assertLittleIsOther(answer.loaded.breakdown, 'objects')
    const { parts } = answer.loaded.breakdown
    // V8's own figure counts code, which we show as jit, and leaves out the read-only space of less than 2 MiB. Of code
    // it counts what it uses, also where that is in a huge page.
    const heap = parts.v8Heap + parts.jit
    assert.ok(
      Math.abs(heap - answer.extra) <= answer.extra * 0.03 + 2 * MIB + commonHugePage(),
      `${heap} against ${answer.extra}`,
    )
    assert.ok(parts.v8Heap > 200 * MIB)
  })

  it('counts 256 MiB of large buffers in nativeHeap, and untouched ones nowhere', async () => {
    const answer = await aroundLoad((look) => {
      globalThis.kept = Array.from({ length: 4 }, () => Buffer.alloc(64 * 1024 * 1024, 1))
      const touched = look()
      kept.push(...Array.from({ length: 4 }, () => Buffer.alloc(64 * 1024 * 1024)))
      return touched
    })
    assertIsRss(answer.loaded)
    assertGrewBy('nativeHeap', 256 * MIB, { idle: answer.idle, loaded: answer.extra })
    assertLittleIsOther(answer.extra.breakdown, 'buffers')
    const untouched = answer.loaded.breakdown.rss - answer.extra.breakdown.rss
    // What a look allocates itself, and V8 in the background, is far below the part that would show.
    assert.ok(untouched < 32 * MIB, `256 MiB that nobody touched: ${untouched}`)
    const { committed } = answer.loaded.breakdown.arrayBuffers
    assert.ok(committed >= 512 * MIB && committed < 516 * MIB, String(committed))
  })

  it('counts large buffers in nativeHeap also where a library was loaded right below them', async () => {
    const answer = await aroundLoad(() => {
      const buffers = () => Array.from({ length: 64 }, () => new Uint8Array(1024 * 1024).fill(1))
      globalThis.kept = buffers()
      require('./__test__/helpers/test-addon.js')
      globalThis.more = buffers()
    })
    assertGrewBy('nativeHeap', 128 * MIB, answer)
  })

  it('counts 256 MiB of small buffers in nativeHeap', async () => {
    const answer = await aroundLoad(() => {
      globalThis.kept = Array.from({ length: 4096 }, () => Buffer.alloc(64 * 1024, 1))
    })
    assertGrewBy('nativeHeap', 256 * MIB, answer, SMALL_BLOCKS)
    assertLittleIsOther(answer.loaded.breakdown, 'small buffers')
  })

  it('counts WebAssembly, shared and resizable memory in nativeHeap', async () => {
    const answer = await aroundLoad(() => {
      const pages = 1024 // 64 MiB
      const memories = [
        new WebAssembly.Memory({ initial: pages, maximum: 4 * pages }).buffer,
        new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true }).buffer,
        new SharedArrayBuffer(64 * 1024 * 1024),
        new ArrayBuffer(64 * 1024 * 1024, { maxByteLength: 128 * 1024 * 1024 }),
      ]
      for (const memory of memories) new Uint8Array(memory).fill(1)
      globalThis.kept = memories
    })
    assertIsRss(answer.loaded)
    assertGrewBy('nativeHeap', 256 * MIB, answer)
    assertLittleIsOther(answer.loaded.breakdown, 'WebAssembly and the like')
  })

  it('counts a mapped file in mappedFiles, shared memory in sharedMemory, a deep stack in stacks', async () => {
    const answer = await aroundLoad(() => {
      const fs = require('node:fs')
      const path = require('node:path')
      const addon = require('./__test__/helpers/test-addon.js')
      // Not in /tmp, which may be shared memory itself.
      const folder = fs.mkdtempSync(path.join('target', 'mapped-'))
      const file = path.join(folder, 'data')
      fs.writeFileSync(file, Buffer.alloc(256 * 1024 * 1024, 1))
      addon.mapFile(file)
      addon.share(256 * 1024 * 1024)
      addon.deepStack(64 * 1024 * 1024)
      fs.rmSync(folder, { recursive: true })
    })
    assertIsRss(answer.loaded)
    assertGrewBy('mappedFiles', 256 * MIB, answer)
    assertGrewBy('sharedMemory', 256 * MIB, answer)
    assertGrewBy('stacks', 64 * MIB, answer)
    assertLittleIsOther(answer.loaded.breakdown, 'mapped file, shared memory, stack')
  })

  it("counts an addon's own allocations in nativeHeap, small and large", async () => {
    const answer = await aroundLoad(() => {
      const addon = require('./__test__/helpers/test-addon.js')
      addon.allocate(64, 2 * 1024 * 1024)
      addon.allocate(65536, 2032)
    })
    assertGrewBy('nativeHeap', 128 * MIB + 65536 * 2032, answer, SMALL_BLOCKS)
    assertLittleIsOther(answer.loaded.breakdown, 'allocations of an addon')
  })

  it('tells pages of zeros, which are in no RSS, from memory', async () => {
    const answer = await aroundLoad(() => {
      require('./__test__/helpers/test-addon.js').readZeros(256 * 1024 * 1024)
    })
    assertIsRss(answer.loaded)
    assert.equal(answer.loaded.breakdown.method.residency, 'pagemap')
    const grown = answer.loaded.breakdown.rss - answer.idle.breakdown.rss
    // The tests' addon and V8's own needs are far below the part that would show.
    assert.ok(grown < 32 * MIB, `256 MiB that were only read: ${grown}`)
  })

  it('counts huge pages whole', async () => {
    const answer = await aroundLoad(() =>
      require('./__test__/helpers/test-addon.js').hugePages(128 * 1024 * 1024),
    )
    assertIsRss(answer.loaded)
    // They are shown as other, not hidden elsewhere.
    assertGrewBy(BARE, 128 * MIB, answer)
  })

  it("does not take for V8's what others made read-only", async () => {
    const answer = await aroundLoad(() =>
      require('./__test__/helpers/test-addon.js').readOnly(64 * 1024 * 1024),
    )
    assertIsRss(answer.loaded)
    assertGrewBy(BARE, 64 * MIB, answer)
  })

  it('does not take for a large heap what may not be accessed any more', async () => {
    const answer = await aroundLoad((look) => {
      globalThis.kept = []
      while (process.memoryUsage().heapUsed < 128 * 1024 * 1024)
        kept.push(Array.from({ length: 1000 }, () => ({})))
      global.gc()
      const heap = look()
      require('./__test__/helpers/test-addon.js').noAccess(128 * 1024 * 1024)
      return heap
    })
    assertIsRss(answer.loaded)
    assertGrewBy('other', 128 * MIB, { idle: answer.extra, loaded: answer.loaded })
  })

  it('counts a block in nativeHeap of which the kernel split the mapping', async () => {
    const answer = await aroundLoad(() =>
      require('./__test__/helpers/test-addon.js').allocateSplit(64 * 1024 * 1024),
    )
    assertGrewBy('nativeHeap', 64 * MIB, answer)
    assertLittleIsOther(answer.loaded.breakdown, 'a split block')
  })

  it('counts a tracked buffer in nativeHeap that is as large as it may grow', async () => {
    const answer = await aroundLoad(() => {
      const { externalBuffers } = require('./index.js')
      const size = 32 * 1024 * 1024
      globalThis.kept = [ArrayBuffer, SharedArrayBuffer].map((Memory) =>
        externalBuffers.track(new Memory(size, { maxByteLength: size })),
      )
      for (const memory of kept) new Uint8Array(memory).fill(1)
    })
    assertGrewBy('nativeHeap', 64 * MIB, answer)
    assertLittleIsOther(answer.loaded.breakdown, 'buffers at their maximum')
    assert.equal(answer.loaded.breakdown.arrayBuffers.resident, 64 * MIB)
  })

  it('counts no tracked buffer as resident that was only read', async () => {
    const answer = await aroundLoad(() => {
      globalThis.kept = require('./index.js').externalBuffers.track(new Uint8Array(128 * 1024 * 1024))
      kept.indexOf(1)
    })
    assert.equal(answer.loaded.breakdown.method.residency, 'pagemap')
    const { resident } = answer.loaded.breakdown.arrayBuffers
    assert.ok(resident < MIB, `128 MiB that were only read: ${resident}`)
  })

  it('puts no page in memory by looking', async () => {
    const changed = await inChild(async () => {
      const fs = require('node:fs')
      const { pageSize } = require('./__test__/helpers/kernel.js')
      const { addressOf } = require('./native.js')
      const { externalBuffers, rssBreakdown, rssBreakdownAsync, workerRss } = require('./index.js')
      for (const deep of [false, true]) workerRss({ deep }) // what loads at first use
      const size = 8 * 1024 * 1024
      const most = { maxByteLength: 2 * size }
      const kinds = {
        plain: () => new ArrayBuffer(size),
        small: () => new Uint8Array(256 * 1024).fill(1).buffer, // leads a search for chunks into its neighbours
        resizable: () => new ArrayBuffer(size, most),
        atMaximum: () => new ArrayBuffer(size, { maxByteLength: size }),
        growable: () => new SharedArrayBuffer(size, most),
        wasm: () => new WebAssembly.Memory({ initial: 64, maximum: 128 }).buffer,
        allocated: () => externalBuffers.allocate(size).buffer,
      }
      const page = pageSize()
      const pagemap = fs.openSync('/proc/self/pagemap')
      const presentPages = (buffer) => {
        const address = addressOf(new Uint8Array(buffer))
        const first = Math.floor(address / page)
        const entries = Buffer.alloc((Math.ceil((address + buffer.byteLength) / page) - first) * 8)
        fs.readSync(pagemap, entries, 0, entries.length, first * 8)
        let present = 0
        for (let entry = 7; entry < entries.length; entry += 8) present += entries[entry] >> 7
        return present
      }
      const made = []
      for (let round = 0; round < 4; round++) {
        for (const [kind, make] of Object.entries(kinds)) made.push([kind, make()])
      }
      const before = made.map(([, buffer]) => presentPages(buffer))
      const looks = {
        rssBreakdown,
        regions: () => rssBreakdown({ regions: true }),
        rssBreakdownAsync,
        workerRss,
        deep: () => workerRss({ deep: true }),
        usage: externalBuffers.usage,
        list: externalBuffers.list,
      }
      const changed = []
      for (const [name, look] of Object.entries(looks)) {
        await look()
        made.forEach(([kind, buffer], index) => {
          const present = presentPages(buffer)
          if (present !== before[index]) changed.push([name, kind, before[index], present])
          before[index] = present
        })
      }
      return changed
    })
    assert.deepEqual(changed, [])
  })

  it('explains a burst of 12,000 deflates, while it runs and afterwards', async () => {
    const { extra, loaded } = await aroundLoad(async (look) => {
      const zlib = require('node:zlib')
      const input = Buffer.alloc(20000, 'abc')
      const deflate = () =>
        new Promise((resolve, reject) => zlib.deflate(input, (error) => (error ? reject(error) : resolve())))
      const burst = Array.from({ length: 12000 }, deflate)
      await Promise.race(burst)
      const during = look()
      await Promise.all(burst)
      global.gc()
      return during
    })
    assertConsistent(extra.breakdown)
    assertLittleIsOther(extra.breakdown, 'during the burst')
    assertIsRss(loaded)
    assertLittleIsOther(loaded.breakdown, 'after the burst')
  })

  it('knows the heaps of 16 workers that never loaded the package, and what they leave behind', async () => {
    const { idle, extra, loaded } = await aroundLoad(async (look) => {
      const { Worker } = require('node:worker_threads')
      const script = `
        globalThis.kept = Array.from({ length: 200000 }, (_, i) => ({ i }))
        require('node:worker_threads').parentPort.postMessage('ready')
        setInterval(() => {}, 1e6)`
      const start = () =>
        new Promise((resolve, reject) => {
          const worker = new Worker(script, { eval: true })
          worker.once('message', () => resolve(worker)).once('error', reject)
        })
      const workers = await Promise.all(Array.from({ length: 16 }, start))
      const alive = look()
      await Promise.all(workers.map((worker) => worker.terminate()))
      return alive
    })
    assertConsistent(extra.breakdown)
    assertLittleIsOther(extra.breakdown, '16 workers alive')
    // 16 heaps of 200,000 objects of at least 24 bytes each, and nothing pooled while they live.
    assert.ok(extra.breakdown.parts.v8Heap - idle.breakdown.parts.v8Heap > 16 * 200000 * 24)
    assert.ok(extra.breakdown.parts.v8Pool < extra.breakdown.parts.v8Heap * 0.1)
    assert.equal(extra.breakdown.arrayBuffers.committed, null) // nobody can ask workers without the package
    assertConsistent(loaded.breakdown)
    assertLittleIsOther(loaded.breakdown, '16 workers ended')
    assert.ok(loaded.breakdown.parts.v8Heap - idle.breakdown.parts.v8Heap < 16 * MIB)
  })

  const sharp = needsAddonOf('sharp')
  it('explains sharp resizing images and a 200 MB database in memory', sharp, async () => {
    const { extra, loaded } = await aroundLoad(async (look) => {
      const sharp = require('sharp')
      const background = { r: 10, g: 100, b: 200 }
      const resize = (_, width) =>
        sharp({ create: { width: 3000, height: 2000, channels: 3, background } })
          .resize(700 + width)
          .jpeg()
          .toBuffer()
      await Promise.all(Array.from({ length: 32 }, resize))
      const images = look()
      // better-sqlite3 13 needs Node 22; Node has a database of its own from then on as well.
      if (Number.parseInt(process.versions.node, 10) >= 22) {
        const Database = require('better-sqlite3')
        globalThis.kept = new Database(':memory:')
        kept.exec('create table t (a)')
        const insert = kept.prepare('insert into t values (?)')
        for (let row = 0; row < 20000; row++) insert.run('x'.repeat(10000))
      }
      return images
    })
    assertConsistent(extra.breakdown)
    assertLittleIsOther(extra.breakdown, 'sharp')
    assertIsRss(loaded)
    assertLittleIsOther(loaded.breakdown, 'better-sqlite3')
  })
})

describe('rssBreakdown() by its other ways', () => {
  const load = () => {
    globalThis.kept = Array.from({ length: 4 }, () => Buffer.alloc(32 * 1024 * 1024, 1))
  }

  it('without V8 symbols: adds up, and calls the heap an estimate', async () => {
    const answer = await aroundLoad(load, { env: { RS_MEMUSAGE_NO_V8: '1' } })
    assertIsRss(answer.loaded)
    assert.equal(answer.loaded.breakdown.method.v8, 'estimated')
    assertGrewBy('nativeHeap', 128 * MIB, answer)
    assert.ok(answer.loaded.breakdown.parts.v8Heap > 2 * MIB)
    assertLittleIsOther(answer.loaded.breakdown, 'without V8 symbols')
  })

  it('without mincore: tells single pages by the page tables', async () => {
    const answer = await aroundLoad(load, { env: { RS_MEMUSAGE_NO_MINCORE: '1' } })
    assertIsRss(answer.loaded)
    assert.deepEqual(answer.loaded.breakdown.method, {
      residency: 'pagemap',
      v8: 'verified',
      malloc: MALLOC,
      unsettled: 0,
    })
    assertGrewBy('nativeHeap', 128 * MIB, answer)
    assertLittleIsOther(answer.loaded.breakdown, 'by page tables')
  })

  // The kernel merges what malloc maps one below the other: the region begins with memory that is not there.
  const touchedAboveUntouched = () => {
    globalThis.kept = Array.from({ length: 4 }, () => Buffer.alloc(50 * 1024 * 1024, 1))
    globalThis.untouched = new ArrayBuffer(200 * 1024 * 1024)
  }

  it('without mincore: finds touched buffers above an untouched one', async () => {
    const answer = await aroundLoad(touchedAboveUntouched, { env: { RS_MEMUSAGE_NO_MINCORE: '1' } })
    assertIsRss(answer.loaded)
    assertGrewBy('nativeHeap', 200 * MIB, answer)
    assertLittleIsOther(answer.loaded.breakdown, 'touched above untouched')
  })

  it('without mincore: leaves out pages that were read and never written', async () => {
    const readZeros = () => {
      globalThis.zeros = new Uint8Array(128 * 1024 * 1024)
      globalThis.sum = 0
      for (let at = 0; at < zeros.length; at += 4096) sum += zeros[at]
    }
    const answer = await aroundLoad(readZeros, { env: { RS_MEMUSAGE_NO_MINCORE: '1' } })
    assertIsRss(answer.loaded)
    const grown = answer.loaded.breakdown.rss - answer.idle.breakdown.rss
    assert.ok(grown < 32 * MIB, `128 MiB that were only read: ${grown}`) // what V8 compiles, and its young generation
  })

  it('by smaps, where nothing tells of single pages: adds up, and calls malloc an estimate', async () => {
    const env = { RS_MEMUSAGE_NO_MINCORE: '1', RS_MEMUSAGE_NO_PAGEMAP: '1' }
    const answer = await aroundLoad(load, { env })
    assertIsRss(answer.loaded)
    assert.equal(answer.loaded.breakdown.method.residency, 'smaps')
    assert.equal(answer.loaded.breakdown.method.malloc, 'estimated')
    assertGrewBy('nativeHeap', 128 * MIB, answer)
    assertLittleIsOther(answer.loaded.breakdown, 'by smaps')
  })

  it('reads the environment at load alone: later another thread may be writing to it', async () => {
    const breakdown = await inChild(() => {
      const { rssBreakdownAsync } = require('./index.js')
      process.env.RS_MEMUSAGE_NO_MINCORE = '1'
      process.env.RS_MEMUSAGE_NO_PAGEMAP = '1'
      return rssBreakdownAsync()
    })
    assert.notEqual(breakdown.method.residency, 'smaps')
  })

  it('with MALLOC_ARENA_MAX=1: adds up with a single arena', needsGlibc('its variable'), async () => {
    const answer = await aroundLoad(load, { env: { MALLOC_ARENA_MAX: '1' } })
    assertIsRss(answer.loaded)
    assert.equal(answer.loaded.breakdown.nativeHeap.arenas, 1)
    assertGrewBy('nativeHeap', 128 * MIB, answer)
    assertLittleIsOther(answer.loaded.breakdown, 'one arena')
  })
})

describe('rssBreakdown() with another allocator', () => {
  const load = () => {
    globalThis.kept = Array.from({ length: 4 }, () => Buffer.alloc(32 * 1024 * 1024, 1))
  }

  for (const [allocator, library] of [
    ['jemalloc', 'libjemalloc.so.2'],
    ['mimalloc', 'libmimalloc.so.2'],
  ]) {
    it(`${allocator}: adds up, names it, and calls its memory an estimate`, needs(library), async () => {
      const answer = await aroundLoad(load, { env: preloaded(library) })
      assertIsRss(answer.loaded)
      assert.equal(answer.loaded.breakdown.nativeHeap.allocator, allocator)
      assert.equal(answer.loaded.breakdown.nativeHeap.arenas, null)
      assert.equal(answer.loaded.breakdown.method.malloc, 'estimated')
      assert.equal(answer.loaded.breakdown.method.v8, 'verified')
      assertGrewBy('nativeHeap', 128 * MIB, answer)
      assertLittleIsOther(answer.loaded.breakdown, allocator)
    })
  }

  it(
    "tells jemalloc's own figures, and null for mimalloc's",
    needs('libjemalloc.so.2', 'libmimalloc.so.2'),
    async () => {
      const ask = () => {
        globalThis.kept = Array.from({ length: 2048 }, () => Buffer.alloc(64 * 1024, 1))
        return require('./index.js').rssBreakdown({ allocator: true }).nativeHeap
      }
      const jemalloc = await inChild(ask, { env: preloaded('libjemalloc.so.2') })
      assert.ok(
        jemalloc.inUse > 128 * MIB && jemalloc.inUse < jemalloc.resident + 8 * MIB,
        JSON.stringify(jemalloc),
      )
      assert.ok(jemalloc.retained >= 0 && jemalloc.retained < jemalloc.resident)
      const mimalloc = await inChild(ask, { env: preloaded('libmimalloc.so.2') })
      assert.equal(mimalloc.inUse, null)
      assert.equal(mimalloc.retained, null)
    },
  )
})

describe('rssBreakdown({ allocator: true })', () => {
  const glibc = needsGlibc("musl's malloc has no figures of itself")

  it('is null unless asked for', () => {
    const { inUse, retained, allocator } = rssBreakdown().nativeHeap
    assert.deepEqual([inUse, retained, allocator], [null, null, isMusl ? null : 'glibc'])
  })

  it('tells what is in use, as mallinfo2 does for a known amount', glibc, async () => {
    const [before, after] = await inChild(() => {
      const { rssBreakdown } = require('./index.js')
      const addon = require('./__test__/helpers/test-addon.js')
      const before = rssBreakdown({ allocator: true }).nativeHeap.inUse
      addon.allocate(65536, 2032)
      return [before, rssBreakdown({ allocator: true }).nativeHeap.inUse]
    })
    // Each block of 2032 bytes takes 2048 of the arena.
    assert.ok(Math.abs(after - before - 65536 * 2048) < MIB, `${after - before}`)
  })

  it('predicts within 20 % what trim() gives back after a zlib burst', glibc, async () => {
    const { nativeHeap, trimmed } = await inChild(async () => {
      const { rssBreakdown, trim } = require('./index.js')
      const { promisify } = require('node:util')
      const deflate = promisify(require('node:zlib').deflate)
      const input = Buffer.alloc(1024, 'hello world ')
      await Promise.all(Array.from({ length: 12000 }, () => deflate(input)))
      for (let round = 0; round < 2; round++) {
        global.gc()
        await new Promise((resolve) => setTimeout(resolve, 300)) // V8 frees buffers in the background
      }
      return { nativeHeap: rssBreakdown({ allocator: true }).nativeHeap, trimmed: trim() }
    })
    assert.ok(trimmed.released > 32 * MIB, `released ${trimmed.released}`)
    const error = Math.abs(nativeHeap.retained - trimmed.released) / trimmed.released
    assert.ok(error <= 0.2, `${nativeHeap.retained} predicted, ${trimmed.released} released`)
  })
})

describe('rssBreakdown({ regions: true })', () => {
  it('lists pieces in address order that add up part by part', () => {
    const breakdown = rssBreakdown({ regions: true })
    assertConsistent(breakdown)
    const sums = Object.fromEntries(PARTS.map((part) => [part, 0]))
    let last = 0
    for (const region of breakdown.regions) {
      assert.deepEqual(Object.keys(region), ['start', 'end', 'part', 'owner', 'resident', 'name'])
      assert.ok(region.start >= last && region.end > region.start)
      assert.ok(region.resident >= 0 && region.resident <= region.end - region.start)
      sums[region.part] += region.resident
      last = region.end
    }
    // The kernel's count of file pages is the measure of code; a page table may hold a few that it does not count.
    for (const part of PARTS) {
      assert.ok(
        Math.abs(sums[part] - breakdown.parts[part]) <= MIB,
        `${part}: ${sums[part]}, ${breakdown.parts[part]}`,
      )
    }
    assert.ok(breakdown.regions.some(({ part, name }) => part === 'code' && name === process.execPath))
    assert.ok(breakdown.regions.some(({ part, owner }) => part === 'v8Heap' && /^isolate 0x/.test(owner)))
    assert.ok(breakdown.regions.some(({ part, name }) => part === 'stacks' && name === '[stack]'))
  })
})

describe('budgetMs', () => {
  it('refuses a look that would take longer, and says how long', () => {
    rssBreakdown()
    assert.throws(
      () => rssBreakdown({ budgetMs: 0 }),
      (error) => {
        assert.equal(error.code, 'ERR_MEMUSAGE_OVER_BUDGET')
        assert.equal(error.budgetMs, 0)
        assert.ok(error.predictedMs > 0 && error.predictedMs < 1000, String(error.predictedMs))
        assert.match(error.message, /budget/)
        return true
      },
    )
    assertConsistent(rssBreakdown({ budgetMs: 10000 }))
  })
})

describe('rssBreakdownAsync()', () => {
  it('answers the same off the event loop', async () => {
    const breakdown = await rssBreakdownAsync({ regions: true })
    assertConsistent(breakdown)
    assert.ok(breakdown.regions.length > 20)
    assert.equal(breakdown.method.v8, 'verified')
    assert.deepEqual(Object.keys(await rssBreakdownAsync()), Object.keys(rssBreakdown()))
  })

  it('rejects over budget, and with the reason of an aborted signal', async () => {
    await assert.rejects(rssBreakdownAsync({ budgetMs: 0 }), { code: 'ERR_MEMUSAGE_OVER_BUDGET' })
    await assert.rejects(rssBreakdownAsync({ signal: AbortSignal.abort() }), { name: 'AbortError' })
    const controller = new AbortController()
    const pending = rssBreakdownAsync({ signal: controller.signal })
    controller.abort(new Error('not needed any more'))
    await assert.rejects(pending, { message: 'not needed any more' })
  })
})

describe('bad arguments', () => {
  const bad = [
    [1, 'ERR_INVALID_ARG_TYPE', /"options" argument must be of type object. Received type number \(1\)/],
    [null, 'ERR_INVALID_ARG_TYPE', /"options" argument must be of type object. Received null/],
    [{ region: true }, 'ERR_INVALID_ARG_VALUE', /options\.region/],
    [{ regions: 'yes' }, 'ERR_INVALID_ARG_TYPE', /"options.regions" property must be of type boolean/],
    [{ allocator: 1 }, 'ERR_INVALID_ARG_TYPE', /"options.allocator" property must be of type boolean/],
    [{ budgetMs: '5' }, 'ERR_INVALID_ARG_TYPE', /"options.budgetMs" property must be of type number/],
    [
      { budgetMs: -1 },
      'ERR_OUT_OF_RANGE',
      /"options.budgetMs" is out of range. It must be >= 0. Received -1/,
    ],
    [{ budgetMs: Number.NaN }, 'ERR_OUT_OF_RANGE', /Received NaN/],
  ]

  for (const [options, code, message] of bad) {
    it(`${JSON.stringify(options)} is ${code}, thrown or rejected`, async () => {
      assert.throws(() => rssBreakdown(options), { code, message })
      await assert.rejects(rssBreakdownAsync(options), { code, message })
    })
  }

  it('a signal is for the asynchronous call, and must be one', async () => {
    assert.throws(() => rssBreakdown({ signal: AbortSignal.abort() }), { code: 'ERR_INVALID_ARG_VALUE' })
    await assert.rejects(rssBreakdownAsync({ signal: {} }), { code: 'ERR_INVALID_ARG_TYPE' })
  })

  it('a signal may be a polyfill that knows no more than Node asks of one', async () => {
    const signal = { aborted: false, addEventListener() {}, removeEventListener() {} }
    assertConsistent(await rssBreakdownAsync({ signal }))
    const reason = new Error('not needed any more')
    await assert.rejects(rssBreakdownAsync({ signal: { ...signal, aborted: true, reason } }), reason)
  })
})
