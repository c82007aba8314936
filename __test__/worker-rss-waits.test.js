'use strict'

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { inChild } = require('./helpers/child')
const { assertConsistent, withWorkers } = require('./helpers/worker-bills')

const NODE = Number.parseInt(process.versions.node, 10)

/** Far longer than anything here takes: who waits so long waits for the blocked worker. */
const LONG = 600_000

describe('waiting off the event loop', () => {
  it("leaves libuv's pool alone: files, names, zlib and ciphers go on beside a blocked worker (review C.1)", async () => {
    const { order, answers } = await withWorkers(
      async (LONG) => {
        const { pbkdf2 } = require('node:crypto')
        const { lookup } = require('node:dns')
        const { readFile } = require('node:fs')
        const { promisify } = require('node:util')
        const { deflate } = require('node:zlib')
        const { rssBreakdownAsync, workerRssAsync } = require('./index.js')
        const worker = await ToldWorker.start()
        const unblock = await worker.block()
        const order = []
        const noted = (name, promise) =>
          promise.then((value) => {
            order.push(name)
            return value
          })
        // More than the pool has threads.
        const looks = Array.from({ length: 8 }, () => noted('look', workerRssAsync({ waitMs: LONG })))
        await Promise.all([
          noted('file', promisify(readFile)('./index.js')),
          noted('name', promisify(lookup)('127.0.0.1')),
          noted('zlib', promisify(deflate)(Buffer.alloc(100_000))),
          noted('cipher', promisify(pbkdf2)('a', 'b', 10, 32, 'sha256')),
          // Others look meanwhile.
          noted('breakdown', rssBreakdownAsync()),
          noted('impatient', workerRssAsync()),
        ])
        order.push('all')
        unblock()
        return { order, answers: await Promise.all(looks), id: worker.threadId }
      },
      { args: [LONG] },
    )
    assert.deepEqual(order.slice(0, 6).sort(), ['breakdown', 'cipher', 'file', 'impatient', 'name', 'zlib'])
    assert.deepEqual(order.slice(6), ['all', ...Array(8).fill('look')])
    for (const answer of answers) {
      assertConsistent(answer)
      assert.deepEqual(
        answer.threads.filter(({ kind }) => kind === 'worker').map(({ ageMs }) => ageMs),
        [0],
      )
    }
  })

  it('takes one thread for all calls, from the first on: rs-memusage', async () => {
    const { before, during } = await withWorkers(async () => {
      const { workerRss, workerRssAsync, rssBreakdownAsync } = require('./index.js')
      const ours = ({ threads }) =>
        threads.filter(({ name }) => name === 'rs-memusage').map(({ kind, threadId }) => [kind, threadId])
      const workers = [await ToldWorker.start(), await ToldWorker.start()]
      const before = ours(workerRss())
      await Promise.all([
        ...Array.from({ length: 20 }, () => workerRssAsync({ waitMs: 5 })),
        ...Array.from({ length: 20 }, () => rssBreakdownAsync()),
        ...workers.map((worker) => worker.tell('lookAsync', { waitMs: 5 })),
      ])
      return { before, during: ours(workerRss()) }
    })
    assert.deepEqual([before, during], [[], [['runtime', null]]])
  })

  it('ends at once on abort, before, during and after the look, also for workers without the package (review C.1)', async () => {
    // Before Node 22 nobody can ask a worker without the package, so nobody waits for one.
    for (const loads of NODE < 22 ? [true] : [true, false]) {
      const { reasons, took } = await withWorkers(
        async (LONG, loads) => {
          const { rssBreakdownAsync, workerRssAsync } = require('./index.js')
          const worker = await ToldWorker.start(loads ? {} : { load: null })
          const unblock = await worker.block()
          const start = performance.now()
          const reasons = []
          const abortedAfter = async (delay, look) => {
            const controller = new AbortController()
            const { signal } = controller
            const pending = look({ signal }).catch(({ message }) => reasons.push(message))
            if (delay === null) controller.abort(new Error('at once'))
            else setTimeout(() => controller.abort(new Error('later')), delay)
            await pending
          }
          const patient = (options) => workerRssAsync({ waitMs: LONG, ...options })
          await Promise.all([null, 0, 1, 2, 5, 300].map((delay) => abortedAfter(delay, patient)))
          await abortedAfter(null, rssBreakdownAsync)
          await workerRssAsync() // it works as before
          const took = performance.now() - start
          unblock()
          return { reasons, took }
        },
        { args: [LONG, loads] },
      )
      assert.deepEqual(reasons, ['at once', ...Array(5).fill('later'), 'at once'])
      assert.ok(took < LONG / 2, String(took))
    }
  })

  it('keeps a process alive until the answer, and no longer than until the abort', async () => {
    const run = (abort) =>
      inChild(
        async (abort) => {
          const { workerRssAsync } = require('./index.js')
          const { Worker } = require('node:worker_threads')
          const script = `
            require(require('node:worker_threads').workerData)
            require('node:worker_threads').parentPort.postMessage('ready')
            require('node:child_process').execSync('sleep 2')`
          const worker = new Worker(script, { eval: true, workerData: require.resolve('./index.js') })
          await new Promise((resolve) => worker.once('message', resolve))
          worker.unref()
          const controller = new AbortController()
          const waitMs = abort ? 600_000 : 300
          const answer = workerRssAsync({ waitMs, signal: controller.signal })
          if (abort) controller.abort()
          return answer.then(
            ({ threads }) => threads.length > 0,
            ({ name }) => name,
          )
        },
        { args: [abort] },
      )
    assert.deepEqual([await run(false), await run(true)], [true, 'AbortError'])
  })
})

describe('a thread that ends with a call pending', () => {
  it('is not held up by a blocked worker: terminate() returns at once (review C.1)', async () => {
    const { order, left } = await withWorkers(
      async (LONG) => {
        const { workerRss, workerRssAsync } = require('./index.js')
        const blocked = await ToldWorker.start()
        const unblock = await blocked.block()
        const order = []
        for (let round = 0; round < 4; round++) {
          const asker = await ToldWorker.start()
          await asker.tell('beginLooks', { waitMs: LONG }, 5)
          if (round % 2) await new Promise((resolve) => setTimeout(resolve, 20))
          await asker.end()
          order.push('ended')
        }
        const own = workerRssAsync({ waitMs: LONG }).then(() => order.push('answered'))
        unblock()
        await own
        return { order, left: workerRss() }
      },
      { args: [LONG] },
    )
    assert.deepEqual(order, [...Array(4).fill('ended'), 'answered'])
    assertConsistent(left)
  })
})

describe('many who are asked at once', () => {
  it('200 workers answer one call, and some end while they are asked', async () => {
    const { answer, ended, ids } = await withWorkers(
      async (LONG) => {
        const { Worker } = require('node:worker_threads')
        const { workerRssAsync } = require('./index.js')
        const script = `
          require(require('node:worker_threads').workerData)
          require('node:worker_threads').parentPort.on('message', () => {}).postMessage('ready')`
        const start = () =>
          new Promise((resolve, reject) => {
            const options = {
              eval: true,
              workerData: require.resolve('./index.js'),
              resourceLimits: { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 20 },
            }
            const worker = new Worker(script, options)
            worker.once('message', () => resolve(worker)).once('error', reject)
          })
        const workers = []
        while (workers.length < 200) workers.push(...(await Promise.all(Array.from({ length: 20 }, start))))
        const ids = workers.map(({ threadId }) => threadId)
        const answer = await workerRssAsync({ waitMs: LONG })
        const pending = workerRssAsync({ waitMs: LONG })
        const ending = workers.splice(0, 50).map((worker) => worker.terminate())
        const ended = await pending
        await Promise.all([...ending, ...workers.map((worker) => worker.terminate())])
        return { answer, ended, ids }
      },
      { args: [LONG] },
    )
    for (const look of [answer, ended]) assertConsistent(look)
    const workers = answer.threads.filter(({ kind }) => kind === 'worker')
    assert.deepEqual(
      workers.map(({ threadId }) => threadId).sort((a, b) => a - b),
      ids,
    )
    assert.deepEqual([...new Set(workers.map(({ ageMs }) => ageMs))], [0])
    for (const { threadId, kind } of ended.threads) {
      if (kind === 'worker') assert.ok(ids.includes(threadId), String(threadId))
    }
  })
})
