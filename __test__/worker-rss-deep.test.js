'use strict'

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { inChild, MIB } = require('./helpers/child')
const { isMusl, needsAddonOf } = require('./helpers/libc')
const { PIECE, SOURCES } = require('./helpers/pool-results')
const { assertConsistent } = require('./helpers/worker-bills')

/** Enough of them for 64 MiB, a multiple of the four that are made at a time. */
const BYTES = Math.ceil((64 * MIB) / PIECE / 4) * 4 * PIECE
/** What Node itself has in buffers of a thread: pools, streams, the environment, and garbage of these. */
const USUAL_BUFFERS = 4 * MIB
/** What V8 counts as external of a thread without being a buffer of it: strings, snapshots, code caches. */
const USUAL_EXTERNAL = 4 * MIB

describe('workerRss({ deep: true }), buffers from other threads', () => {
  for (const source of SOURCES) {
    const title = `puts what ${source} made in pieces of 100 KB on the bill of the worker that holds it (review A.11)`
    it(title, source === 'sharp' ? needsAddonOf(source) : {}, async () => {
      const { before, plain, deep, ids } = await inChild(
        async (source, bytes) => {
          const { workerRss } = require('./index.js')
          const { PoolWorker } = require('./__test__/helpers/pool-worker.js')
          const [holder, other] = [new PoolWorker(), new PoolWorker()]
          // What libraries load, and the arenas of the pool, are there before.
          for (const worker of [holder, other]) await worker.tell('make', [source, bytes / 100])
          await holder.tell('drop')
          await other.tell('drop')
          const before = workerRss({ deep: true, waitMs: 5000 })
          await holder.tell('make', [source, bytes])
          const plain = workerRss({ waitMs: 5000 })
          const deep = workerRss({ deep: true, waitMs: 5000 })
          const ids = [holder.threadId, other.threadId]
          await Promise.all([holder.end(), other.end()])
          return { before, plain, deep, ids }
        },
        { args: [source, BYTES] },
      )
      for (const answer of [before, plain, deep]) assertConsistent(answer)
      assert.equal(deep.method.largeAllocations, 'searched')
      const [holder, other] = ids.map((id) => entry(deep, id))
      assertHolds(holder, BYTES)
      assert.ok(other.arrayBuffers <= USUAL_BUFFERS, String(other.arrayBuffers))
      // The truth of the kernel's: so much did the process grow, for one thread. The pool's arenas had gaps to fill and
      // get new ones, garbage in the heaps comes and goes, and what sharp works with stays in its threads: 7 to 11 MB.
      const grown = holder.rss - entry(before, ids[0]).rss
      const truth = deep.rss - before.rss
      assert.ok(Math.abs(grown - truth) <= 0.25 * BYTES, `${grown} of ${truth}`)
      // Without a search, what the thread's own pages do not explain is seen.
      const shallow = entry(plain, ids[0])
      if (isMusl) {
        assert.deepEqual([shallow.nativeHeap, shallow.externalElsewhere], [null, null]) // no page tells its thread
        return
      }
      const unexplained = Math.max(0, shallow.external - shallow.nativeHeap)
      assert.equal(shallow.externalElsewhere, unexplained)
      if (source.includes('crypto') || source === 'sharp') {
        assert.ok(shallow.externalElsewhere >= 0.9 * BYTES, String(shallow.externalElsewhere))
      }
    })
  }

  it('puts them on the bill of the main thread where that holds them', async () => {
    const answer = await inChild(
      async (bytes) => {
        const { workerRss } = require('./index.js')
        const { results } = require('./__test__/helpers/pool-results.js')
        globalThis.kept = await results('crypto', bytes)
        return workerRss({ deep: true })
      },
      { args: [BYTES] },
    )
    assertConsistent(answer)
    assertHolds(entry(answer, 0), BYTES)
  })

  it('moves them with a transfer from worker to worker, and on to the main thread', async () => {
    const { steps, ids } = await inChild(
      async (bytes) => {
        const { workerRss } = require('./index.js')
        const { PoolWorker } = require('./__test__/helpers/pool-worker.js')
        const [first, second] = [new PoolWorker(), new PoolWorker()]
        const ids = [first.threadId, second.threadId, 0]
        const steps = []
        const look = () => steps.push(workerRss({ deep: true, waitMs: 5000 }))
        await first.tell('make', ['crypto', bytes])
        look()
        globalThis.kept = await first.tell('give')
        await second.tell('keep', [kept], kept)
        globalThis.kept = null
        look()
        await second.tell('make', ['crypto', bytes / 100]) // in the place of what it holds
        await second.tell('drop')
        await first.tell('make', ['crypto', bytes])
        globalThis.kept = await first.tell('give')
        look()
        await Promise.all([first.end(), second.end()])
        return { steps, ids }
      },
      { args: [BYTES] },
    )
    for (const [step, answer] of steps.entries()) {
      assertConsistent(answer)
      for (const [index, id] of ids.entries()) {
        if (index === step) assertHolds(entry(answer, id), BYTES)
        else assert.ok(entry(answer, id).arrayBuffers <= 2 * USUAL_BUFFERS, `${step} ${id}`)
      }
    }
  })

  it('counts nothing that was dropped and collected, though its addresses are in the heap still', async () => {
    const { answer, external, id } = await inChild(
      async (bytes) => {
        const { workerRss } = require('./index.js')
        const { PoolWorker } = require('./__test__/helpers/pool-worker.js')
        const worker = new PoolWorker()
        await worker.tell('make', ['crypto', bytes])
        const external = await worker.tell('drop')
        const answer = workerRss({ deep: true, waitMs: 5000 })
        const id = worker.threadId
        await worker.end()
        return { answer, external, id }
      },
      { args: [BYTES] },
    )
    assertConsistent(answer)
    assert.ok(external <= 8 * MIB, `${external} are still held, and this shows nothing`)
    assert.ok(entry(answer, id).arrayBuffers <= 2 * USUAL_BUFFERS, String(entry(answer, id).arrayBuffers))
  })

  it('counts each store once, of whatever kind, and with all its views', async () => {
    const kinds = await inChild(
      async (MIB) => {
        const { externalBuffers, workerRss } = require('./index.js')
        const count = 64
        const fill = (buffer) => new Uint8Array(buffer).fill(1).buffer
        const some = (make) => Array.from({ length: count }, make)
        const kinds = {
          views: () =>
            some(() => new Array(10).fill(fill(new ArrayBuffer(MIB))).map((b) => new Uint16Array(b, 512))),
          pooled: () => Array.from({ length: (count * MIB) / 2048 }, () => Buffer.allocUnsafe(2048).fill(1)),
          resizable: () => some(() => fill(new ArrayBuffer(MIB, { maxByteLength: 4 * MIB }))),
          shared: () => some(() => fill(new SharedArrayBuffer(MIB))),
          growable: () => some(() => fill(new SharedArrayBuffer(MIB, { maxByteLength: 4 * MIB }))),
          wasm: () => some(() => fill(new WebAssembly.Memory({ initial: 16, maximum: 32 }).buffer)),
          allocated: () => some(() => externalBuffers.allocate(MIB).fill(1)),
          small: () => Array.from({ length: (count * MIB) / 1024 }, () => fill(new ArrayBuffer(1024))),
        }
        const held = () => workerRss({ deep: true }).threads.find(({ kind }) => kind === 'main').arrayBuffers
        const answer = {}
        for (const [kind, make] of Object.entries(kinds)) {
          for (let round = 0; round < 3; round++) gc()
          const before = held()
          globalThis.kept ??= []
          kept.push(make())
          for (let round = 0; round < 3; round++) gc()
          answer[kind] = held() - before
        }
        return answer
      },
      { args: [MIB] },
    )
    for (const [kind, bytes] of Object.entries(kinds)) {
      // Large ones count with the rest of their last page and the header before them.
      assert.ok(Math.abs(bytes - 64 * MIB) <= 0.02 * 64 * MIB, `${kind}: ${bytes}`)
    }
  })

  it('leaves a small SharedArrayBuffer that two threads hold to neither', async () => {
    const { answer, id } = await inChild(async () => {
      const { workerRss } = require('./index.js')
      const { PoolWorker } = require('./__test__/helpers/pool-worker.js')
      globalThis.kept = Array.from({ length: 1024 }, () => new SharedArrayBuffer(65536))
      for (const buffer of kept) new Uint8Array(buffer).fill(1)
      const worker = new PoolWorker()
      await worker.tell('keep', [kept])
      const answer = workerRss({ deep: true })
      const id = worker.threadId
      await worker.end()
      return { answer, id }
    })
    assertConsistent(answer)
    for (const thread of [0, id])
      assert.ok(entry(answer, thread).rss < 48 * MIB, JSON.stringify(entry(answer, thread)))
    assert.ok(answer.sharedParts.nativeHeap >= 62 * MIB, String(answer.sharedParts.nativeHeap))
  })
})

function entry({ threads }, id) {
  return threads.find(({ threadId }) => threadId === id)
}

/** The bill says what was made, and no more than V8 says. */
function assertHolds(thread, bytes) {
  const { arrayBuffers, external, externalElsewhere, nativeHeap } = thread
  assert.ok(
    arrayBuffers >= 0.99 * bytes && arrayBuffers <= bytes + USUAL_BUFFERS,
    `${arrayBuffers} of ${bytes}`,
  )
  assert.ok(arrayBuffers <= external && externalElsewhere <= USUAL_EXTERNAL, JSON.stringify(thread))
  assert.ok(nativeHeap >= arrayBuffers, JSON.stringify(thread))
}
