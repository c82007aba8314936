'use strict'

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { MIB } = require('./helpers/child')
const { assertConsistent, withWorkers } = require('./helpers/worker-bills')

const notRoot = process.getuid() === 0 ? false : 'needs root'
const NODE = Number.parseInt(process.versions.node, 10)

describe('who a thread is', () => {
  it('the main thread is 0 also where a worker alone loaded the package (review A.13)', async () => {
    const answers = await withWorkers(async () => {
      // ToldWorker loads nothing of the package in this thread.
      const worker = await ToldWorker.start()
      return [await worker.tell('look', {}), await worker.tell('lookAsync', { waitMs: 10 })]
    })
    for (const answer of answers) {
      assertConsistent(answer)
      const [main] = answer.threads.filter(({ kind }) => kind === 'main')
      assert.deepEqual([main.threadId, main.method.v8Heap], [0, 'none'])
    }
  })

  it('a worker that ends during the wait keeps its number, loaded or not (review A.13)', async () => {
    const { answers, ids } = await withWorkers(async () => {
      const { workerRssAsync } = require('./index.js')
      const waiting = await ToldWorker.start()
      const unblock = await waiting.block() // whoever waits for this one sees the others end
      const answers = []
      const ids = [waiting.threadId]
      for (const options of [{}, { load: null, name: 'unloaded' }]) {
        const ending = await ToldWorker.start(options)
        ids.push(ending.threadId)
        const pending = workerRssAsync({ waitMs: 1500 })
        await workerRssAsync() // served after the look of the other, which waits on
        await ending.end()
        answers.push(await pending)
      }
      unblock()
      return { answers, ids }
    })
    for (const [index, answer] of answers.entries()) {
      assertConsistent(answer)
      const workers = answer.threads.filter(({ kind }) => kind === 'worker')
      assert.deepEqual(
        workers.map(({ threadId }) => threadId).sort((a, b) => a - b),
        [ids[0], ids[index + 1]],
      )
    }
  })
})

describe('workers that never load the package', () => {
  it('are who they are also where the kernel begins its numbers anew', { skip: notRoot }, async () => {
    const { answer, ids, numbers } = await withWorkers(
      async (MIB) => {
        const { readdirSync, readFileSync, writeFileSync } = require('node:fs')
        const { workerRss } = require('./index.js')
        const highest = Number(readFileSync('/proc/sys/kernel/pid_max', 'latin1'))
        writeFileSync('/proc/sys/kernel/ns_last_pid', String(highest - 3)) // of this namespace
        const workers = []
        for (let count = 0; count < 5; count++) {
          const worker = await ToldWorker.start({ load: null })
          await worker.tell('hold', 'objects', count * 24 * MIB)
          await worker.tell('collectGarbage')
          workers.push(worker)
        }
        const numbers = readdirSync('/proc/self/task').map(Number)
        return { answer: workerRss(), ids: workers.map(({ threadId }) => threadId), numbers }
      },
      { args: [MIB], shell: 'exec unshare --pid --fork --mount-proc "$0" "$@"' },
    )
    assert.ok(Math.max(...numbers) - Math.min(...numbers) > 10_000, 'numbers must have begun anew')
    const heaps = ids.map((id) => answer.threads.find(({ threadId }) => threadId === id).v8Heap)
    for (let index = 1; index < heaps.length; index++) {
      assert.ok(heaps[index] - heaps[index - 1] > 8 * MIB, `${heaps}`)
    }
  })
})

describe('method of each thread', () => {
  it("compares its heap with V8's own words, those of other threads too", async () => {
    const { answer, ids } = await withWorkers(
      async (MIB) => {
        const { workerRss } = require('./index.js')
        const loaded = [await ToldWorker.start(), await ToldWorker.start()]
        const unloaded = await ToldWorker.start({ load: null })
        await loaded[0].tell('hold', 'objects', 64 * MIB)
        await loaded[0].tell('collectGarbage')
        const answer = workerRss({ waitMs: 10_000 })
        return { answer, ids: [...loaded, unloaded].map(({ threadId }) => threadId) }
      },
      { args: [MIB] },
    )
    assertConsistent(answer)
    const said = (id) => answer.threads.find(({ threadId }) => threadId === id).method.v8Heap
    assert.equal(said(0), answer.method.v8)
    assert.equal(said(ids[1]), 'verified')
    // From 22 on V8 may keep pages of a shrinking heap that it does not count any more.
    if (NODE < 22) assert.equal(said(ids[0]), 'verified')
    else assert.notEqual(said(ids[0]), 'none')
    assert.equal(said(ids[2]), 'none')
    for (const { kind, method } of answer.threads) {
      if (kind === 'runtime') assert.equal(method.v8Heap, 'none')
    }
  })
})
