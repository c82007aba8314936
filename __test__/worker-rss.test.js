'use strict'

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { workerRss, workerRssAsync } = require('..')
const { needs, preloaded } = require('./helpers/allocators')
const { inChild, MIB } = require('./helpers/child')
const { isMusl, needsGlibc } = require('./helpers/libc')
const { pageSize } = require('./helpers/kernel')
const {
  assertConsistent,
  assertConsistentThread,
  assertIsRss,
  assertWithin5Percent,
  withWorkers,
} = require('./helpers/worker-bills')

// glibc gives the threads of a process at most eight arenas per core, and then lets them share: with as many as this
// every thread has its own.
const ARENA_EACH = { MALLOC_ARENA_MAX: '1000' }
// From 128 KiB on malloc maps each allocation for itself, until freed ones teach it a higher limit: this settles it.
const MAPPED_FROM_128_KIB = { MALLOC_MMAP_THRESHOLD_: String(128 * 1024) }

const PAGE = pageSize()
const NODE = Number.parseInt(process.versions.node, 10)

const glibc = needsGlibc("musl's malloc keeps the memory of all threads together")
/** Where large blocks without an owner are: with musl they carry no sign, and lie among all others. */
const LARGE_BLOCKS = isMusl ? 'nativeHeap' : 'largeAllocations'

/** A thread has 64 MiB in its arena. With musl nothing tells whose memory is. */
function assertArenaOf64Mib(nativeHeap, what) {
  if (isMusl) assert.equal(nativeHeap, null, what)
  else assertWithin5Percent(nativeHeap, 64 * MIB, what)
}

describe('workerRss()', () => {
  it('adds up to RSS to the byte, in an idle process and with workers of every kind', async () => {
    const looks = await withWorkers(
      async (MIB) => {
        const { workerRss, workerRssAsync } = require('./index.js')
        const { smapsRollup } = require('./__test__/helpers/kernel.js')
        const look = async (ask) => {
          await ask() // the first call compiles
          const before = smapsRollup('Rss')
          const answer = await ask()
          return { answer, before, after: smapsRollup('Rss') }
        }
        const looks = [await look(workerRss)]
        const workers = [await ToldWorker.start(), await ToldWorker.start({ load: null })]
        await workers[0].tell('hold', 'smallBuffers', 32 * MIB)
        await workers[1].tell('hold', 'objects', 32 * MIB)
        looks.push(await look(workerRss))
        looks.push(await look(workerRssAsync))
        looks.push(await look(() => workerRss({ deep: true })))
        looks.push(await look(() => workerRssAsync({ deep: true })))
        return looks
      },
      { args: [MIB] },
    )
    for (const { answer, before, after } of looks) {
      assertConsistent(answer)
      assertIsRss(answer, before, after)
      assert.ok(answer.sharedParts.other <= answer.rss * 0.01, JSON.stringify(answer.sharedParts))
      assert.ok(answer.costMicros > 0)
    }
    const [idle, ...busy] = looks.map(({ answer }) => answer)
    assert.deepEqual(
      idle.threads
        .filter(({ kind }) => kind !== 'runtime')
        .map(({ kind, threadId, state }) => [kind, threadId, state]),
      [['main', 0, 'running']],
    )
    for (const { threads, method } of busy) {
      const workers = threads.filter(({ kind }) => kind === 'worker')
      assert.equal(workers.length, 2)
      assert.deepEqual(
        [method.residency, method.v8, method.malloc],
        ['mincore', 'verified', isMusl ? 'estimated' : 'verified'],
      )
    }
    assert.deepEqual(
      busy.map(({ method }) => [method.largeAllocations, method.searchedBytes > 32 * MIB]),
      [
        ['estimated', false],
        ['estimated', false],
        ['searched', true],
        ['searched', true],
      ],
    )
    assert.deepEqual(Object.keys(busy[0]), Object.keys(busy[1]))
  })

  it("lists as many threads as the kernel, by the names of workers, with V8's own words for each", async () => {
    const { answer, tasks, statistics, limit } = await withWorkers(async () => {
      const { workerRss } = require('./index.js')
      const resourceLimits = { maxOldGenerationSizeMb: 50 }
      const worker = await ToldWorker.start({ name: 'resizer', resourceLimits })
      const statistics = await worker.tell('statistics')
      const answer = workerRss({ waitMs: 5000 })
      const tasks = require('node:fs').readdirSync('/proc/self/task').length
      const limit = require('node:v8').getHeapStatistics().heap_size_limit
      return { answer, tasks, statistics, limit }
    })
    assert.equal(answer.threads.length, tasks)
    const [main, worker] = ['main', 'worker'].map((kind) =>
      answer.threads.find((thread) => thread.kind === kind),
    )
    assert.equal(main.heapLimit, limit)
    assert.equal(main.ageMs, 0)
    assert.equal(worker.heapLimit, statistics.heap_size_limit)
    assert.equal(worker.ageMs, 0)
    // It posted a message meanwhile.
    assert.ok(Math.abs(worker.heapUsed - statistics.used_heap_size) < MIB)
    assert.equal(worker.external, statistics.external_memory)
    if (worker.name !== 'resizer') assert.ok(NODE < 24, worker.name) // older ones do not tell it in the worker
  })

  it('lists the threads of libuv once they are there, each with its stack and the arena that it uses', async () => {
    const [before, after] = await withWorkers(
      async () => {
        const { workerRss } = require('./index.js')
        const { stat } = require('node:fs/promises')
        const runtime = () => workerRss().threads.filter(({ kind }) => kind === 'runtime')
        const before = runtime()
        await Promise.all(Array.from({ length: 50 }, () => stat('.')))
        return [before, runtime()]
      },
      { env: { UV_THREADPOOL_SIZE: '11' } },
    )
    assert.ok(before.length >= 3, String(before.length)) // V8's platform
    // The pool starts as a whole, at the first call: as likely as not the one before was of Node itself.
    assert.ok(after.length >= before.length && after.length >= 3 + 11, `${before.length}, ${after.length}`)
    for (const thread of after) {
      assertConsistentThread(thread)
      assert.ok(thread.stack >= PAGE && thread.stack < 8 * MIB, JSON.stringify(thread))
      assert.deepEqual([thread.v8Heap, thread.jit], [0, 0])
    }
  })
})

describe('workerRss.self()', () => {
  it("is the calling thread's entry", async () => {
    const answer = await withWorkers(
      async (MIB) => {
        const { workerRss } = require('./index.js')
        const worker = await ToldWorker.start()
        await worker.tell('hold', 'smallBuffers', 64 * MIB)
        return { main: workerRss.self(), worker: await worker.tell('lookAtSelf'), id: worker.threadId }
      },
      { args: [MIB] },
    )
    assertConsistentThread(answer.main)
    assertConsistentThread(answer.worker)
    assert.deepEqual([answer.main.kind, answer.main.threadId, answer.main.state], ['main', 0, 'running'])
    assert.deepEqual(
      [answer.worker.kind, answer.worker.threadId, answer.worker.state],
      ['worker', answer.id, 'running'],
    )
    assert.equal(answer.worker.ageMs, 0)
    assert.ok((isMusl || answer.worker.rss > 64 * MIB) && answer.main.rss < 64 * MIB)
  })
})

describe('the rss of a worker', () => {
  /**
   * What a worker's load of 192 MiB adds to the RSS of the process by the kernel, and to that of the worker by our
   * word. What the first load of its kind costs a process once (code that is read from the disk, arenas of the threads
   * that help V8 to collect garbage) is the neighbour's to pay: it belongs to no worker.
   */
  const marginal = (load) =>
    withWorkers(
      async (load, bytes, deep) => {
        const { workerRss } = require('./index.js')
        const { smapsRollup } = require('./__test__/helpers/kernel.js')
        const neighbour = await ToldWorker.start()
        await neighbour.tell('hold', load, bytes)
        await neighbour.tell('collectGarbage')
        const worker = await ToldWorker.start()
        const look = async () => {
          await worker.tell('collectGarbage')
          workerRss()
          return { own: worker.entryOf(workerRss({ waitMs: 5000, deep })).rss, kernel: smapsRollup('Rss') }
        }
        const before = await look()
        await worker.tell('hold', load, bytes)
        const after = await look()
        return { own: after.own - before.own, kernel: after.kernel - before.kernel }
      },
      { args: [load, 192 * MIB, isMusl] }, // there a search alone tells whose Buffers are
    )

  for (const [load, what] of [
    ['objects', 'objects'],
    ['largeBuffers', 'ArrayBuffers of 1 MiB'],
    ['smallBuffers', 'ArrayBuffers of 64 KiB'],
    ['native', 'small allocations of an addon'],
  ]) {
    const options = ['smallBuffers', 'native'].includes(load) ? glibc : {}
    it(`is within 5 % of what 192 MiB of ${what} really add`, options, async () => {
      const { own, kernel } = await marginal(load)
      assert.ok(kernel > 185 * MIB, `the load must be there, or this shows nothing: ${kernel}`)
      assertWithin5Percent(own, kernel, what)
    })
  }

  it('grows by less than 2 MiB for 100 MiB of ArrayBuffers that nobody touched', async () => {
    const [before, after, external] = await withWorkers(
      async (MIB) => {
        const { workerRss } = require('./index.js')
        const worker = await ToldWorker.start()
        const look = () => worker.entryOf(workerRss({ waitMs: 5000 }))
        const before = look()
        await worker.tell('hold', 'untouchedBuffers', 100 * MIB)
        const after = look()
        return [before.rss, after.rss, after.external - before.external]
      },
      { args: [MIB] },
    )
    assert.ok(external > 99 * MIB, `V8 must know of them, or this shows nothing: ${external}`)
    assert.ok(after - before < 1.6 * MIB + 100 * PAGE, String(after - before)) // malloc writes to the first page of each
  })

  it('ranks eight workers with different loads at once, each within 5 %', glibc, async () => {
    const loads = [
      ['smallBuffers', 60],
      ['smallBuffers', 90],
      ['native', 120],
      ['native', 150],
      ['largeBuffers', 180],
      ['largeBuffers', 210],
      ['objects', 240],
    ]
    const { truth, idle, ...looks } = await withWorkers(
      async (loads, MIB) => {
        const { workerRss } = require('./index.js')
        const { smapsRollup } = require('./__test__/helpers/kernel.js')
        // Pays once what the first load costs the process; stays, with nothing more to do, as the eighth.
        const workers = []
        for (let index = 0; index < 8; index++) workers.push(await ToldWorker.start())
        await workers[7].tell('hold', 'objects', 240 * MIB)
        await workers[7].tell('collectGarbage')
        const rssOfEach = (answer) => workers.map((worker) => worker.entryOf(answer).rss)
        const idle = rssOfEach(workerRss())
        const truth = []
        for (const [index, [load, mib]] of loads.entries()) {
          const before = smapsRollup('Rss')
          await workers[index].tell('hold', load, mib * MIB)
          await workers[index].tell('collectGarbage')
          truth.push(smapsRollup('Rss') - before)
        }
        const estimated = workerRss({ waitMs: 5000 })
        const searched = workerRss({ deep: true })
        return { truth, idle, answers: [estimated, searched], rss: [estimated, searched].map(rssOfEach) }
      },
      { args: [loads, MIB], env: ARENA_EACH },
    )
    for (const answer of looks.answers) assertConsistent(answer)
    looks.rss.forEach((rss, look) => {
      const { method, sharedParts } = looks.answers[look]
      const details = JSON.stringify({ method, sharedParts })
      for (const [index, [load]] of loads.entries()) {
        const what = `worker ${index}, ${load}, ${details}`
        assertWithin5Percent(rss[index] - idle[index], truth[index], what)
      }
      const ranked = rss.slice(0, loads.length)
      assert.deepEqual(
        ranked,
        [...ranked].sort((a, b) => a - b),
      )
    })
  })

  it('gives nobody memory of others for a buffer of its own that is not in memory', async () => {
    const grown = await withWorkers(
      async (MIB) => {
        const { externalBuffers, workerRss } = require('./index.js')
        const worker = await ToldWorker.start()
        await worker.tell('hold', 'largeBuffers', 100 * MIB)
        const nativeHeaps = () => {
          const answer = workerRss({ waitMs: 5000 })
          const main = answer.threads.find(({ kind }) => kind === 'main')
          return [main, worker.entryOf(answer)].map(({ nativeHeap }) => nativeHeap)
        }
        nativeHeaps() // the first call compiles
        const before = nativeHeaps()
        const untouched = externalBuffers.allocate(512 * MIB)
        const onlyRead = externalBuffers.track(new Uint8Array(64 * MIB))
        onlyRead.indexOf(1)
        globalThis.kept = [untouched, onlyRead]
        return nativeHeaps().map((bytes, index) => bytes - before[index])
      },
      { args: [MIB], env: MAPPED_FROM_128_KIB },
    )
    for (const bytes of grown) assert.ok(Math.abs(bytes) < 16 * MIB, String(grown))
  })

  it('leaves out the arenas that several threads share, which are shared', glibc, async () => {
    const [before, after] = await withWorkers(
      async (MIB) => {
        const { workerRss } = require('./index.js')
        const workers = []
        for (let index = 0; index < 4; index++) workers.push(await ToldWorker.start())
        const before = workerRss()
        for (const worker of workers) await worker.tell('hold', 'smallBuffers', 32 * MIB)
        return [before, workerRss({ waitMs: 5000 })]
      },
      { args: [MIB], env: { MALLOC_ARENA_MAX: '2' } },
    )
    for (const answer of [before, after]) assertConsistent(answer)
    const grown = after.sharedParts.sharedArenas - before.sharedParts.sharedArenas
    assertWithin5Percent(grown, 4 * 32 * MIB, 'shared arenas')
    for (const { nativeHeap } of after.threads) assert.ok(nativeHeap < 4 * MIB, String(nativeHeap))
  })
})

describe('workerRss({ deep: true })', () => {
  it('finds the owner of every large ArrayBuffer, and none for large allocations of an addon', async () => {
    const { answer, ids } = await withWorkers(
      async (MIB) => {
        const { workerRss } = require('./index.js')
        const [buffers, native] = [await ToldWorker.start(), await ToldWorker.start()]
        await buffers.tell('hold', 'largeBuffers', 100 * MIB)
        await native.tell('hold', 'largeNative', 50 * MIB)
        const answer = workerRss({ deep: true })
        return { answer, ids: [buffers.threadId, native.threadId] }
      },
      { args: [MIB], env: { ...ARENA_EACH, ...MAPPED_FROM_128_KIB } },
    )
    assertConsistent(answer)
    const [buffers, native] = ids.map(
      (id) => answer.threads.find(({ threadId }) => threadId === id).arrayBuffers,
    )
    // A buffer of 1 MiB ends in a page of its own: malloc's header stands before it, and where that is not known, the page
    // is nobody's. Node has small ones in each thread.
    const others = buffers - 100 * (MIB + (isMusl ? 0 : PAGE))
    assert.ok(others >= 0 && others < MIB, String(buffers))
    assert.ok(native < MIB, String(native))
    const unowned = answer.sharedParts[LARGE_BLOCKS] - 50 * (MIB + PAGE)
    // V8 and Node have some of their own, and of small ones more.
    assert.ok(unowned >= 0 && unowned < (isMusl ? 24 : 4) * MIB, String(unowned))
  })

  it('leaves a SharedArrayBuffer that two threads hold to both', async () => {
    const answers = await withWorkers(
      async (MIB) => {
        const { workerRss } = require('./index.js')
        globalThis.kept = new SharedArrayBuffer(32 * MIB)
        new Uint8Array(kept).fill(1)
        const workers = [await ToldWorker.start(), await ToldWorker.start()]
        for (const worker of workers) await worker.tell('keep', kept)
        return workerRss({ deep: true })
      },
      { args: [MIB], env: MAPPED_FROM_128_KIB },
    )
    assertConsistent(answers)
    assert.ok(answers.sharedParts[LARGE_BLOCKS] >= 32 * MIB, JSON.stringify(answers.sharedParts))
    for (const { kind, arrayBuffers } of answers.threads) {
      if (kind !== 'runtime') assert.ok(arrayBuffers < MIB, String(arrayBuffers))
    }
  })

  it('moves a transferred ArrayBuffer to its new owner, as do waited-for words, where Node does not', async () => {
    const { before, after, core } = await withWorkers(
      async (MIB) => {
        const { workerRss } = require('./index.js')
        const worker = await ToldWorker.start()
        const keepAlive = await worker.tell('give', MIB)
        const look = () => {
          const main = (answer) => answer.threads.find(({ kind }) => kind === 'main').rss
          return {
            deep: main(workerRss({ deep: true })),
            waited: main(workerRss({ waitMs: 5000 })),
            core: process.memoryUsage().arrayBuffers,
          }
        }
        look()
        const before = look()
        globalThis.kept = [keepAlive, await worker.tell('give', 64 * MIB)]
        const after = look()
        return { before, after, core: after.core - before.core }
      },
      { args: [MIB] },
    )
    assert.ok(core < MIB, `Node's own figure must stay, or this shows nothing: ${core}`)
    assertWithin5Percent(after.deep - before.deep, 64 * MIB, 'deep')
    if (!isMusl) assertWithin5Percent(after.waited - before.waited, 64 * MIB, 'waited')
  })

  it('leaves nothing of its own in what V8 counts, whether it answers or throws', async () => {
    for (const RS_MEMUSAGE_NO_V8 of ['0', '1']) {
      const grown = await inChild(
        async () => {
          const { workerRss, workerRssAsync } = require('./index.js')
          const before = process.memoryUsage().external
          const main = ({ threads }) => threads.find(({ kind }) => kind === 'main').external - before
          const looks = []
          try {
            workerRss({ deep: true, budgetMs: 0 })
          } catch ({ code }) {
            looks.push(code)
          }
          looks.push(main(await workerRssAsync({ deep: true })), main(workerRss({ deep: true })))
          return [...looks, process.memoryUsage().external - before]
        },
        { env: { RS_MEMUSAGE_NO_V8 } },
      )
      assert.equal(grown[0], 'ERR_MEMUSAGE_OVER_BUDGET')
      for (const bytes of grown.slice(1)) assert.ok(Math.abs(bytes) < 8 * MIB, String(grown))
    }
  })

  it('refuses to go over its budget', async () => {
    workerRss({ deep: true })
    for (const deep of [false, true]) {
      assert.throws(
        () => workerRss({ deep, budgetMs: 0 }),
        ({ code, predictedMs, budgetMs }) =>
          code === 'ERR_MEMUSAGE_OVER_BUDGET' && predictedMs > 0 && budgetMs === 0,
      )
      await assert.rejects(workerRssAsync({ deep, budgetMs: 0 }), { code: 'ERR_MEMUSAGE_OVER_BUDGET' })
    }
    assertConsistent(workerRss({ deep: true, budgetMs: 100_000 }))
  })
})

describe('what a worker is doing', () => {
  /**
   * Looks at a worker with 64 MiB at what it does for as long as it takes until most of the last looks say `expected`:
   * the thread has to get there first, and may be caught in a lock at any time.
   */
  const watch = (occupation, expected) =>
    withWorkers(
      async (occupation, expected, MIB) => {
        const fs = require('node:fs')
        const { workerRss } = require('./index.js')
        const worker = await ToldWorker.start()
        const folder = fs.mkdtempSync(require('node:path').join(require('node:os').tmpdir(), 'rs-memusage-'))
        // The heap is left out: what a loop makes of it is garbage of any amount.
        const idle = worker.entryOf(workerRss({ waitMs: 5000 })).nativeHeap
        await worker.tell('hold', 'smallBuffers', 64 * MIB)
        await worker.tell('become', occupation, folder)
        const states = []
        const isSettled = () => states.slice(-15).filter((state) => state === expected).length >= 10
        while (!isSettled() && states.length < 400) {
          states.push(worker.entryOf(workerRss()).state)
          await new Promise((resolve) => setTimeout(resolve, 20))
        }
        const ask = (waitMs) => {
          const start = performance.now()
          const { nativeHeap, ageMs } = worker.entryOf(workerRss({ waitMs }))
          return {
            held: nativeHeap === null ? null : nativeHeap - idle,
            ageMs,
            took: performance.now() - start,
          }
        }
        const looks = [ask(0), ask(200)]
        fs.rmdirSync(folder)
        const patient = ask(20_000)
        return { settled: isSettled(), states: states.slice(-15), looks, patient }
      },
      { args: [occupation, expected, MIB], env: ARENA_EACH },
    )

  for (const [what, occupation, state] of [
    ['a tight loop', 'forEver', 'running'],
    ['a loop of promises', 'promises', 'running'],
    ['Atomics.wait()', 'atomicsWait', 'blocked'],
    ['nothing', 'eventLoop', 'idle'],
  ]) {
    it(`${what}: is '${state}', and V8 answers when waited for`, async () => {
      const { settled, states, looks, patient } = await watch(occupation, state)
      assert.ok(settled, states.join())
      for (const { held } of [...looks, patient]) assertArenaOf64Mib(held, what)
      assert.equal(patient.ageMs, 0)
      assert.ok(patient.took < 20_000, String(patient.took)) // it does not wait for longer than it takes
    })
  }

  it("execSync(): is 'blocked', and costs nobody more than waitMs", async () => {
    const { states, settled, looks, patient } = await watch('execSync', 'blocked')
    assert.ok(settled, states.join())
    for (const { held } of looks) assertArenaOf64Mib(held, 'execSync()')
    assert.ok(looks[0].ageMs > 0 && looks[1].ageMs > looks[0].ageMs, JSON.stringify(looks))
    assert.ok(looks[1].took >= 200 && looks[1].took < 2000, JSON.stringify(looks))
    // The answer came at last, when the call returned.
    assert.equal(patient.ageMs, 0)
  })
})

describe('workerRss() by its other ways', () => {
  const ask = (options) =>
    withWorkers(
      async (MIB) => {
        const { workerRss } = require('./index.js')
        const { smapsRollup } = require('./__test__/helpers/kernel.js')
        const worker = await ToldWorker.start()
        await worker.tell('hold', 'smallBuffers', 64 * MIB)
        const answers = [workerRss({ waitMs: 5000 })]
        const kernel = smapsRollup('Rss')
        answers.push(workerRss({ deep: true }))
        return { answers, kernel, id: worker.threadId, self: workerRss.self() }
      },
      { args: [MIB], ...options },
    )

  function assertAddsUp({ answers, kernel, id, self }) {
    for (const answer of answers) {
      assertConsistent(answer)
      // The first call compiles, and to read the kernel's text takes memory, which other allocators keep.
      assertIsRss(answer, kernel - 4 * MIB, kernel + 4 * MIB)
    }
    assertConsistentThread(self)
    const [main, worker] = [0, id].map((id) => answers[0].threads.find(({ threadId }) => threadId === id))
    return { main, worker, method: answers[0].method }
  }

  it('without V8 symbols: heaps are not told apart, arenas are', async () => {
    const { main, worker, method } = assertAddsUp(
      await ask({ env: { RS_MEMUSAGE_NO_V8: '1', ...ARENA_EACH } }),
    )
    assert.equal(method.v8, 'estimated')
    assert.deepEqual([main.v8Heap, main.jit, worker.v8Heap, worker.jit], [null, null, null, null])
    assert.deepEqual([worker.heapUsed, worker.external, worker.ageMs], [null, null, null])
    assert.ok(main.heapUsed > MIB && main.ageMs === 0) // the caller can ask Node
    assertArenaOf64Mib(worker.nativeHeap, 'its arena')
  })

  it(
    "with jemalloc: heaps are told apart, the allocator's memory is not",
    needs('libjemalloc.so.2'),
    async () => {
      const { main, worker, method } = assertAddsUp(await ask({ env: preloaded('libjemalloc.so.2') }))
      assert.equal(method.malloc, 'estimated')
      assert.deepEqual([main.nativeHeap, worker.nativeHeap], [null, null])
      assert.ok(worker.v8Heap > MIB && worker.heapUsed > MIB)
    },
  )

  it(
    'with jemalloc: a buffer on the books is in the sum and in nativeHeap',
    needs('libjemalloc.so.2'),
    async () => {
      const self = await inChild(
        (MIB) => {
          const { externalBuffers, workerRss } = require('./index.js')
          globalThis.kept = externalBuffers.track(new Uint8Array(8 * MIB).fill(1))
          return workerRss.self()
        },
        { args: [MIB], env: preloaded('libjemalloc.so.2') },
      )
      assertConsistentThread(self)
      assert.ok(self.nativeHeap >= 8 * MIB, String(self.nativeHeap))
    },
  )

  for (const [residency, env] of [
    ['pagemap', { RS_MEMUSAGE_NO_MINCORE: '1' }],
    ['smaps', { RS_MEMUSAGE_NO_MINCORE: '1', RS_MEMUSAGE_NO_PAGEMAP: '1' }],
  ]) {
    it(`without mincore: adds up by ${residency}`, async () => {
      const { worker, method } = assertAddsUp(await ask({ env: { ...env, ...ARENA_EACH } }))
      assert.equal(method.residency, residency)
      assertArenaOf64Mib(worker.nativeHeap, 'its arena')
    })
  }

  it('with a full table of descriptors', async () => {
    const answer = await withWorkers(
      async () => {
        const fs = require('node:fs')
        const { workerRss, workerRssAsync } = require('./index.js')
        await ToldWorker.start()
        const filler = []
        try {
          for (;;) filler.push(fs.openSync('/dev/null'))
        } catch (error) {
          if (error.code !== 'EMFILE') throw error
        }
        const answers = [workerRss(), workerRss({ deep: true, waitMs: 100 }), await workerRssAsync()]
        for (const descriptor of filler) fs.closeSync(descriptor)
        return [...answers, workerRss()]
      },
      { shell: 'ulimit -n 64' },
    )
    for (const look of answer) {
      assertConsistent(look)
      assert.equal(look.threads.filter(({ kind }) => kind === 'worker').length, 1)
      assert.ok(Math.abs(look.rss - answer[3].rss) < 4 * MIB)
    }
  })

  it('on a platform without support: says so', async () => {
    const codes = await inChild(
      async () => {
        const { workerRss, workerRssAsync } = require('./index.js')
        const codes = [() => workerRss(), () => workerRss.self()].map((ask) => {
          try {
            return ask()
          } catch ({ code }) {
            return code
          }
        })
        return [...codes, await workerRssAsync().catch(({ code }) => code)]
      },
      { flags: ['--no-addons'] },
    )
    assert.deepEqual(codes, Array(3).fill('ERR_MEMUSAGE_UNSUPPORTED'))
  })
})

describe('bad arguments of workerRss()', () => {
  for (const [options, code, message] of [
    [1, 'ERR_INVALID_ARG_TYPE', /"options" argument must be of type object. Received type number \(1\)/],
    [null, 'ERR_INVALID_ARG_TYPE', /"options" argument must be of type object. Received null/],
    [{ wait: 1 }, 'ERR_INVALID_ARG_VALUE', /options\.wait/],
    [{ deep: 1 }, 'ERR_INVALID_ARG_TYPE', /"options.deep" property must be of type boolean/],
    [{ waitMs: '5' }, 'ERR_INVALID_ARG_TYPE', /"options.waitMs" property must be of type number/],
    [{ waitMs: -1 }, 'ERR_OUT_OF_RANGE', /"options.waitMs" is out of range. It must be >= 0. Received -1/],
    [{ waitMs: Number.NaN }, 'ERR_OUT_OF_RANGE', /Received NaN/],
    [
      { budgetMs: -1 },
      'ERR_OUT_OF_RANGE',
      /"options.budgetMs" is out of range. It must be >= 0. Received -1/,
    ],
  ]) {
    it(`${JSON.stringify(options)} is ${code}, thrown or rejected`, async () => {
      assert.throws(() => workerRss(options), { code, message })
      await assert.rejects(workerRssAsync(options), { code, message })
    })
  }

  it('a signal is for the asynchronous call, must be one, and ends it', async () => {
    assert.throws(() => workerRss({ signal: AbortSignal.abort() }), { code: 'ERR_INVALID_ARG_VALUE' })
    await assert.rejects(workerRssAsync({ signal: {} }), { code: 'ERR_INVALID_ARG_TYPE' })
    await assert.rejects(workerRssAsync({ signal: AbortSignal.abort() }), { name: 'AbortError' })
    const controller = new AbortController()
    const pending = workerRssAsync({ signal: controller.signal })
    controller.abort(new Error('not needed any more'))
    await assert.rejects(pending, { message: 'not needed any more' })
  })

  it('an endless wait ends with the last answer', () => {
    assertConsistent(workerRss({ waitMs: Number.POSITIVE_INFINITY }))
  })
})
