'use strict'

// The profile of buffers in all threads, from one.

const assert = require('node:assert/strict')
const { join } = require('node:path')
const { afterEach, describe, it } = require('node:test')
const { gunzipSync } = require('node:zlib')
const { Worker, threadName } = require('node:worker_threads')
const { Profile: Pprof } = require('pprof-format')
const { externalBuffers } = require('..')
const { inChild, MIB } = require('./helpers/child')

const { profile } = externalBuffers
const WORKER = join(__dirname, 'fixtures', 'profiled-worker.js')
/** So small that every allocation is sampled, and as long as a slow machine may need. */
const EVERY = { sampleBytes: 1, waitMs: 60_000 }
const PATIENT = { waitMs: 60_000 }

/** Older Nodes do not tell a worker its name. */
const NAME = threadName === undefined ? null : 'images'

const workers = []

async function startWorker(options = {}) {
  const worker = new Worker(WORKER, options)
  workers.push(worker)
  await told(worker)
  return worker
}

const told = (worker) =>
  new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))

function tell(worker, message) {
  const done = told(worker)
  worker.postMessage(message)
  return done
}

/** What a thread answered. */
const answerOf = ({ threads }, worker) => threads.find(({ threadId }) => threadId === worker.threadId)

afterEach(async () => {
  await profile.stopAll(PATIENT).catch((error) => assert.equal(error.code, 'ERR_INVALID_STATE'))
  for (const worker of workers.splice(0)) await worker.terminate()
})

describe('profile.startAll() and stopAll()', () => {
  it('profile every registered thread: one profile with the thread as the outermost frame, and one of each', async () => {
    const [first, second] = [await startWorker({ name: 'images' }), await startWorker()]
    const here = () => new ArrayBuffer(3 * MIB)
    const started = await profile.startAll(EVERY)
    assert.deepEqual(
      started.threads.map(({ threadId, outcome, error }) => [threadId, outcome, error]),
      [0, first.threadId, second.threadId].map((id) => [id, 'started', null]),
    )
    const held = here()
    await tell(first, { hold: 5 * MIB })
    await tell(second, { hold: 2 * MIB })
    await tell(second, { hold: 2 * MIB })
    const stopped = await profile.stopAll(PATIENT)
    assert.deepEqual(
      stopped.threads.map(({ threadId, name, outcome }) => [threadId, name, outcome]),
      [
        [0, null, 'stopped'],
        [first.threadId, NAME, 'stopped'],
        [second.threadId, answerOf(stopped, second).name, 'stopped'],
      ],
    )
    const large = stopped.sites.filter(({ bytes }) => bytes > MIB)
    assert.deepEqual(
      large.map(({ bytes, count, stack }) => [bytes, count, stack[0].split(' ')[0], stack.at(-1)]),
      [
        [5 * MIB, 1, 'holds', labelOf({ threadId: first.threadId, name: NAME })],
        [4 * MIB, 2, 'holds', labelOf(answerOf(stopped, second))],
        [3 * MIB, 1, 'here', 'main thread'],
      ].sort((a, b) => b[0] - a[0]),
    )
    for (const { profile, threadId } of stopped.threads) {
      const own = stopped.sites.filter(
        ({ stack }) => stack.at(-1).match(/\d+|main/)[0] === (threadId ? `${threadId}` : 'main'),
      )
      assert.equal(
        profile.liveBytes,
        own.reduce((sum, { bytes }) => sum + bytes, 0),
      )
      assert.equal(
        profile.sites[0].stack.some((frame) => /^(worker|main)/.test(frame)),
        false,
      )
    }
    assert.equal(
      stopped.liveBytes,
      stopped.threads.reduce((sum, { profile }) => sum + profile.liveBytes, 0),
    )
    assert.ok(stopped.coverage.watchedBytes >= 12 * MIB && stopped.coverage.share > 0.5)
    assert.ok(stopped.toFolded().includes('main thread;'))
    assert.equal(stopped.toHeapProfile().head.children.length, 3)
    const pprof = Pprof.decode(gunzipSync(stopped.toPprof()))
    assert.equal(pprof.sample.length, stopped.sites.length)
    assert.equal(held.byteLength, 3 * MIB)
  })

  it('begin in a worker that starts later as it loads the package, and not after the stop', async () => {
    await profile.startAll(EVERY)
    const later = await startWorker({ workerData: { holdAtOnce: 5 * MIB } })
    const stopped = await profile.stopAll(PATIENT)
    assert.equal(answerOf(stopped, later).profile.liveBytes >= 5 * MIB, true)
    const after = await startWorker()
    await profile.startAll(EVERY)
    await profile.stopAll(PATIENT)
    await tell(after, { own: true }) // nothing is running there
  })

  it('name a thread that is blocked after waitMs, and reach it afterwards', async () => {
    const blocked = await startWorker()
    const word = new Int32Array(new SharedArrayBuffer(4))
    await tell(blocked, { blockUntil: word })
    const started = await profile.startAll({ sampleBytes: 1, waitMs: 100 })
    assert.deepEqual(
      started.threads.map(({ outcome }) => outcome),
      ['started', 'unreached'],
    )
    Atomics.store(word, 0, 1)
    Atomics.notify(word, 0)
    await tell(blocked, { hold: MIB })
    await tell(blocked, { hold: MIB })
    const stopped = await profile.stopAll(PATIENT)
    assert.equal(answerOf(stopped, blocked).outcome, 'stopped')
    assert.ok(answerOf(stopped, blocked).profile.liveBytes >= MIB)
  })

  it('name a thread that ends meanwhile', async () => {
    const ending = await startWorker()
    const { threadId } = ending // -1 once it has ended
    const word = new Int32Array(new SharedArrayBuffer(4))
    await profile.startAll(EVERY)
    await tell(ending, { blockUntil: word, end: true })
    const stopping = profile.stopAll(PATIENT)
    Atomics.store(word, 0, 1)
    Atomics.notify(word, 0)
    const { outcome } = answerOf(await stopping, { threadId })
    assert.ok(outcome === 'ended' || outcome === 'stopped', outcome)
  })

  it('leave alone what a thread started for itself', async () => {
    const worker = await startWorker()
    await tell(worker, { own: true })
    profile.start()
    const started = await profile.startAll(PATIENT)
    assert.deepEqual(
      started.threads.map(({ outcome }) => outcome),
      ['has its own', 'has its own'],
    )
    const stopped = await profile.stopAll(PATIENT)
    assert.deepEqual(
      stopped.threads.map(({ outcome, profile }) => [outcome, profile]),
      [
        ['not running', null],
        ['not running', null],
      ],
    )
    assert.deepEqual([stopped.liveBytes, stopped.sites], [0, []])
    profile.stop()
  })

  it('can be called from a worker', async () => {
    const answer = await inChild(() => {
      require('./index.js')
      const { Worker } = require('node:worker_threads')
      const worker = new Worker(
        `const { externalBuffers: { profile } } = require('./index.js')
        const { parentPort } = require('node:worker_threads')
        profile.startAll({ sampleBytes: 1, waitMs: 60000 }).then(async ({ threads }) => {
          const { threads: stopped } = await profile.stopAll({ waitMs: 60000 })
          parentPort.postMessage([threads, stopped].map((all) => all.map(({ threadId, outcome }) => [threadId, outcome])))
        })`,
        { eval: true },
      )
      return new Promise((resolve, reject) => worker.on('message', resolve).on('error', reject))
    })
    assert.deepEqual(answer, [
      [
        [0, 'started'],
        [1, 'started'],
      ],
      [
        [0, 'stopped'],
        [1, 'stopped'],
      ],
    ])
  })

  it('keep no process alive', async () => {
    const code = await inChild(async () => {
      const { externalBuffers } = require('./index.js')
      await externalBuffers.profile.startAll()
      return process.getActiveResourcesInfo().filter((name) => !/Pipe|TTY|FS/.test(name))
    })
    assert.deepEqual(code, [])
  })

  it('check their arguments, and that they come in turns', async () => {
    await assert.rejects(profile.startAll({ sampleBytes: 0 }), { code: 'ERR_OUT_OF_RANGE' })
    await assert.rejects(profile.startAll({ waitMs: -1 }), { code: 'ERR_OUT_OF_RANGE' })
    await assert.rejects(profile.startAll({ wait: 1 }), { code: 'ERR_INVALID_ARG_VALUE' })
    await assert.rejects(profile.stopAll({ waitMs: '1' }), { code: 'ERR_INVALID_ARG_TYPE' })
    await assert.rejects(profile.stopAll(), { code: 'ERR_INVALID_STATE' })
    await profile.startAll()
    await assert.rejects(profile.startAll(), { code: 'ERR_INVALID_STATE' })
    await profile.stopAll()
  })
})

function labelOf({ threadId, name }) {
  return name ? `worker ${threadId} (${name})` : `worker ${threadId}`
}
