'use strict'

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { MIB } = require('./helpers/child')
const { assertConsistent, withWorkers } = require('./helpers/worker-bills')

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
