'use strict'

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { readableSize } = require('../examples/server/format')
const { RunningServer, eventually, spoilWorkers } = require('./fixtures/running-server')
const { MIB } = require('./helpers/child')
const { isMusl } = require('./helpers/libc')

const OWNED = ['v8Heap', 'jit', 'stack', 'nativeHeap']
const WORDS = ['heapUsed', 'heapTotal', 'heapLimit', 'external']
const UNSUPPORTED = { NODE_OPTIONS: '--no-addons' }

// Every server is a process of its own. The time is for a machine that is busy with something else.
const suite = { concurrency: 2, timeout: 60_000 }
const linuxOnly = { skip: process.platform !== 'linux' && 'reads /proc' }

const total = (sizes) => sizes.reduce((sum, { bytes }) => sum + bytes, 0)

describe('/status of the example server', suite, () => {
  it('says whose the memory is, and nothing is left over', linuxOnly, async (t) => {
    const server = await RunningServer.start(t)
    await server.repeat(2, '/worker')
    const { threads, threadTotals } = await server.body('/status')
    const { rss, shared, sharedParts, runtime, method, costMicros } = threadTotals
    const kinds = (kind) => threads.filter((thread) => thread.kind === kind)
    assert.equal(threads.length, server.threads())
    assert.deepEqual(
      kinds('main').map(({ threadId, holds }) => ({ threadId, holds })),
      [{ threadId: 0, holds: undefined }],
    )
    for (const worker of kinds('worker')) {
      assert.deepEqual(worker.holds, { bytes: 2 * MIB, readable: '2.0 MiB' })
      for (const word of WORDS) assert.ok(worker[word].bytes > 0, word)
      assert.ok(['running', 'idle', 'blocked'].includes(worker.state), worker.state)
    }
    assert.deepEqual(
      kinds('worker').map(({ threadId }) => threadId),
      [1, 2],
    )
    for (const thread of threads) {
      assert.equal(total(OWNED.map((part) => thread[part])), thread.rss.bytes)
      for (const figure of [...OWNED, ...WORDS, 'rss', 'arrayBuffers']) {
        assert.equal(thread[figure].readable, readableSize(thread[figure].bytes), figure)
      }
    }
    assert.equal(total(Object.values(sharedParts)), shared.bytes)
    assert.equal(total([shared, ...threads.map((thread) => thread.rss)]), rss.bytes)
    assert.equal(runtime.count, kinds('runtime').length)
    assert.equal(runtime.bytes, total(kinds('runtime').map((thread) => thread.rss)))
    assert.ok(method.arenas && costMicros > 0)
  })

  it('knows nothing of threads where the platform does not tell', async (t) => {
    const server = await RunningServer.start(t, { ...UNSUPPORTED, INTERVAL_MS: '20' })
    await server.body('/worker')
    const { threads, threadTotals } = await server.body('/status')
    assert.deepEqual({ threads, threadTotals }, { threads: null, threadTotals: null })
    const holds = { bytes: 2 * MIB, readable: '2.0 MiB' }
    assert.deepEqual((await server.body('/worker/1')).worker, { threadId: 1, holds })
    await server.printed(/holding .*workers 2\.0 MiB\n/)
    assert.deepEqual((await server.request('/worker/1', { method: 'DELETE' })).body.ended, {
      threadId: 1,
      holds,
    })
  })
})

describe('/worker of the example server', suite, () => {
  it('holds what it is asked for where it belongs', linuxOnly, async (t) => {
    const server = await RunningServer.start(t)
    /** What 32 MiB more make of a worker's figures. All live on, so that none inherits the memory of another. */
    const grownBy32 = async (kind) => {
      const [small, large] = [await start(server, { kind, mb: 1 }), await start(server, { kind, mb: 33 })]
      assert.deepEqual(large.holds, { kind, bytes: 33 * MIB, readable: '33.0 MiB' })
      return (figure) => (large[figure].bytes - small[figure].bytes) / MIB
    }
    const isAbout32 = (grown, what) => assert.ok(Math.abs(grown - 32) <= 3.2, `${what} grew by ${grown} MiB`)
    const isNotMore = (grown, what) => assert.ok(grown <= 3.2, `${what} grew by ${grown} MiB`)

    const heap = await grownBy32('heap')
    // Garbage that V8 has not collected yet comes on top of it.
    for (const figure of ['heapUsed', 'v8Heap']) {
      assert.ok(heap(figure) >= 28.8, `${figure} of heap grew by ${heap(figure)} MiB`)
    }
    isNotMore(heap('external'), 'external of heap')

    const buffer = await grownBy32('buffer')
    isAbout32(buffer('nativeHeap'), 'nativeHeap of buffer')
    isAbout32(buffer('external'), 'external of buffer')
    isNotMore(buffer('heapUsed'), 'heapUsed of buffer')

    const native = await grownBy32('native')
    // With musl nothing tells whose memory of malloc is.
    if (!isMusl) isAbout32(native('nativeHeap'), 'nativeHeap of native')
    isNotMore(native('external'), 'external of native')
    isNotMore(native('heapUsed'), 'heapUsed of native')
  })

  it('takes an amount without a kind, and a kind without an amount', async (t) => {
    const server = await RunningServer.start(t)
    for (const [query, holds] of [
      ['mb=3', { bytes: 3 * MIB, readable: '3.0 MiB' }],
      ['mb=1', { bytes: MIB, readable: '1.0 MiB' }],
      ['mb=007', { bytes: 7 * MIB, readable: '7.0 MiB' }],
      ['kind=native', { kind: 'native', bytes: 2 * MIB, readable: '2.0 MiB' }],
      ['else=ignored', { bytes: 2 * MIB, readable: '2.0 MiB' }],
    ]) {
      assert.deepEqual((await server.body(`/worker?${query}`)).worker.holds, holds, query)
    }
  })

  it('refuses what makes no sense, and says what would', async (t) => {
    const server = await RunningServer.start(t)
    const allowed = { mb: 'a whole number from 1 to 1024', kind: 'heap, buffer or native' }
    for (const [query, parameter, shown] of [
      ['mb=0', 'mb', '0'],
      ['mb=1025', 'mb', '1025'],
      ['mb=-1', 'mb', '-1'],
      ['mb=1.5', 'mb', '1.5'],
      ['mb=1e2', 'mb', '1e2'],
      ['mb=0x10', 'mb', '0x10'],
      ['mb=', 'mb', ''],
      ['mb', 'mb', ''],
      ['mb=%20', 'mb', ' '],
      ['mb=1&mb=2', 'mb', '1, 2'],
      ['mb=9999999999999999999999', 'mb', '9999999999999999999999'],
      ['kind=', 'kind', ''],
      ['kind=Heap', 'kind', 'Heap'],
      ['kind=constructor', 'kind', 'constructor'],
      ['kind=heap&kind=native', 'kind', 'heap, native'],
      ['kind="', 'kind', '"'],
      ['mb=much&kind=none', 'mb', 'much'],
    ]) {
      for (const method of ['GET', 'POST']) {
        const { code, body } = await server.request(`/worker?${query}`, { method })
        assert.equal(code, 400, query)
        assert.deepEqual(body, {
          error: `${parameter} must be ${allowed[parameter]}, not ${JSON.stringify(shown)}.`,
          parameter,
          allowed: allowed[parameter],
        })
      }
      assert.equal((await server.request(`/worker?${query}`, { method: 'HEAD' })).code, 400)
    }
    assert.equal((await server.body('/status')).holding.workers.count, 0)
  })
})

describe('/worker/:id of the example server', suite, () => {
  it('tells of one worker what /status tells', linuxOnly, async (t) => {
    const server = await RunningServer.start(t)
    await server.body('/worker')
    await server.body('/worker?mb=8&kind=native')
    const { threads } = await server.body('/status')
    const { code, headers, body } = await server.request('/worker/2')
    assert.equal(code, 200)
    assert.match(headers.get('content-type'), /^application\/json/)
    assert.deepEqual(Object.keys(body.worker), Object.keys(threads.find(({ threadId }) => threadId === 2)))
    const { threadId, kind, rss, holds } = body.worker
    assert.deepEqual(
      { threadId, kind, holds },
      { threadId: 2, kind: 'worker', holds: { kind: 'native', bytes: 8 * MIB, readable: '8.0 MiB' } },
    )
    assert.ok(isMusl || rss.bytes > 8 * MIB) // there nothing tells whose memory of malloc is
    assert.equal(total(OWNED.map((part) => body.worker[part])), rss.bytes)
  })

  it('ends one with DELETE, and only this one', linuxOnly, async (t) => {
    const server = await RunningServer.start(t)
    const threads = server.threads()
    await server.repeat(3, '/worker')
    const { code, body } = await server.request('/worker/2', { method: 'DELETE' })
    assert.equal(code, 200)
    assert.deepEqual(body.ended, { threadId: 2, holds: { bytes: 2 * MIB, readable: '2.0 MiB' } })
    assert.deepEqual(body.holding.workers, { count: 2, bytes: 4 * MIB, readable: '4.0 MiB' })
    await eventually(() => server.threads() === threads + 2)
    const left = (await server.body('/status')).threads.filter(({ kind }) => kind === 'worker')
    assert.deepEqual(
      left.map(({ threadId }) => threadId),
      [1, 3],
    )
    for (const method of ['GET', 'DELETE']) {
      assert.equal((await server.request('/worker/2', { method })).code, 404, method)
    }
    assert.equal((await server.body('/worker')).worker.threadId, 4)
    assert.equal((await server.body('/release')).released.workers.count, 3)
    assert.equal((await server.request('/worker/1')).code, 404)
    await eventually(() => server.threads() === threads)
  })

  it('knows no other ids', async (t) => {
    const server = await RunningServer.start(t)
    await server.body('/worker')
    for (const id of [
      '0',
      '2',
      '-1',
      '01',
      '1.0',
      '1e0',
      '+1',
      '%31',
      'NaN',
      'Infinity',
      'abc',
      ':id',
      '$&',
    ]) {
      for (const method of ['GET', 'DELETE']) {
        const { code, body } = await server.request(`/worker/${id}`, { method })
        assert.equal(code, 404, `${method} ${id}`)
        assert.equal(body.error, `There is no worker ${id}. Those that live are listed at /status`)
      }
      assert.equal((await server.request(`/worker/${id}`, { method: 'HEAD' })).code, 404)
    }
    for (const path of ['/worker/', '/worker/1/', '/worker/1/2', '/worker//1', '/workers/1']) {
      const { code, body } = await server.request(path)
      assert.equal(code, 404, path)
      assert.equal(body.error, `There is nothing at ${path}. The routes are listed at /`)
    }
    assert.equal((await server.body('/status')).holding.workers.count, 1)
  })

  it('takes HEAD, which only looks, and refuses other methods', async (t) => {
    const server = await RunningServer.start(t)
    await server.body('/worker')
    const { code, headers, body } = await server.request('/worker/1', { method: 'HEAD' })
    assert.equal(code, 200)
    assert.match(headers.get('content-type'), /^application\/json/)
    assert.equal(body, '')
    for (const path of ['/worker/1', '/worker/99']) {
      for (const method of ['POST', 'PUT', 'PATCH', 'OPTIONS']) {
        const { code, headers, body } = await server.request(path, { method })
        assert.equal(code, 405, `${method} ${path}`)
        assert.equal(headers.get('allow'), 'GET, HEAD, DELETE')
        assert.equal(body.error, `${path} does not take ${method}.`)
      }
    }
    assert.equal((await server.body('/status')).holding.workers.count, 1)
  })

  it('ends one that has not started yet', linuxOnly, async (t) => {
    const server = await RunningServer.start(t, spoilWorkers('hangs'))
    const threads = server.threads()
    const request = server.request('/worker?kind=heap')
    await server.printed(/the worker hangs/)
    const { worker } = await server.body('/worker/1')
    assert.equal(worker.threadId, 1)
    assert.deepEqual(worker.holds, { kind: 'heap', bytes: 0, readable: '0 B' })
    assert.equal((await server.request('/worker/1', { method: 'DELETE' })).code, 200)
    const { code, body } = await request
    assert.equal(code, 409)
    assert.equal(body.error, 'The worker was released before it held its memory.')
    await eventually(() => server.threads() === threads)
  })

  it('ends each once, however many ask for it at once', linuxOnly, async (t) => {
    const server = await RunningServer.start(t)
    const threads = server.threads()
    await server.repeat(3, '/worker')
    const answers = await Promise.all([
      ...['/worker/1', '/worker/1', '/worker/2'].map((path) => server.request(path, { method: 'DELETE' })),
      server.request('/release'),
      server.request('/worker/3', { method: 'DELETE' }),
    ])
    // Who comes when it has gone gets 404.
    for (const { code } of answers) assert.ok(code === 200 || code === 404, `${code}`)
    assert.equal((await server.body('/status')).holding.workers.count, 0)
    await eventually(() => server.threads() === threads)
    assert.equal(server.stderr, '')
  })
})

describe('the console of the example server', suite, () => {
  it('names the fattest worker', linuxOnly, async (t) => {
    const server = await RunningServer.start(t, { INTERVAL_MS: '20' })
    const kind = isMusl ? 'buffer' : 'native'
    for (const mb of [1, 48, 2]) await server.body(`/worker?kind=${kind}&mb=${mb}`)
    const [, fat] = await server.printed(/workers 51\.0 MiB \(fattest: 2 with (\d+\.\d) MiB\)\n/)
    assert.ok(Number(fat) >= 48, `${fat} MiB`)
    await server.request('/worker/2', { method: 'DELETE' })
    await server.printed(/workers 3\.0 MiB \(fattest: [13] with \d+\.\d MiB\)\n/)
    await server.request('/release')
    await server.printed(/workers 3\.0 MiB .*\n(rss .*\n)*?rss .*, workers 0 B\n/)
  })
})

/** A worker and its figures, once V8 has said something about it. */
async function start(server, query) {
  const { worker } = await server.body(`/worker?${new URLSearchParams(query)}`)
  let figures
  await eventually(async () => {
    figures = (await server.body(`/worker/${worker.threadId}`)).worker
    return figures.state === 'idle' && figures.heapUsed.bytes !== null
  })
  return figures
}
