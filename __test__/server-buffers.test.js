'use strict'

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { readableSize } = require('../examples/server/format')
const { RunningServer, eventually } = require('./fixtures/running-server')
const { MIB, inChild } = require('./helpers/child')

const KIB = 1024
const UNSUPPORTED = { NODE_OPTIONS: '--no-addons' }
const NOTHING = { count: 0, bytes: 0, readable: '0 B' }
const MARKUP = '<img src=x onerror=alert(1)>"&amp;'

// Every server is a process of its own. The time is for a machine that is busy with something else.
const suite = { concurrency: 2, timeout: 60_000 }
const linuxOnly = { skip: process.platform !== 'linux' && 'reads /proc' }

const size = (bytes) => ({ bytes, readable: readableSize(bytes) })
const labelsOf = async (server) => (await server.body('/status')).buffers.labels
const keep = (server, query) => server.body(`/buffer?${new URLSearchParams(query)}`)
const list = async (server, query) => (await server.body(`/buffers?${new URLSearchParams(query)}`)).buffers

/** Each of these queries, by every method, is answered with what the parameter may be. */
async function assertRefuses(server, path, methods, allowed, queries) {
  for (const [query, parameter, shown] of queries) {
    for (const method of methods) {
      const { code, body } = await server.request(`${path}?${query}`, { method })
      assert.equal(code, 400, `${method} ${query}`)
      assert.deepEqual(body, {
        error: `${parameter} must be ${allowed[parameter]}, not ${JSON.stringify(shown)}.`,
        parameter,
        allowed: allowed[parameter],
      })
    }
    assert.equal((await server.request(`${path}?${query}`, { method: 'HEAD' })).code, 400, `HEAD ${query}`)
  }
}

const BAD_LABELS = [
  ['label=', 'label', ''],
  ['label=%20%20', 'label', '  '],
  ['label=%00', 'label', '\0'],
  ['label=a%0Ab', 'label', 'a\nb'],
  ['label=a%E2%80%AEb', 'label', 'a\u202eb'], // turns the text behind it around
  [`label=${'x'.repeat(41)}`, 'label', 'x'.repeat(41)],
]
const LABELS = '1 to 40 visible characters'

describe('/buffer of the example server', suite, () => {
  it('keeps what it is asked for under its label', linuxOnly, async (t) => {
    const server = await RunningServer.start(t)
    await keep(server, {})
    await keep(server, { label: 'tiles' })
    const { holding } = await keep(server, { mb: 5, label: 'tiles' })
    assert.deepEqual(holding.buffers, { count: 3, ...size(7 * MIB) })
    const { buffers } = await server.body('/status')
    assert.deepEqual(Object.keys(buffers.labels).sort(), ['kept', 'tiles'])
    for (const [label, count, megabytes] of [
      ['kept', 1, 1],
      ['tiles', 2, 6],
    ]) {
      const { oldestMs, ...amounts } = buffers.labels[label]
      const bytes = megabytes * MIB
      assert.deepEqual(amounts, { count, ...size(bytes), resident: size(bytes) }, label)
      assert.ok(oldestMs >= 0)
    }
    const { count, bytes, readable, resident, peak, allocated, freed, threads, unaccounted, method } = buffers
    assert.deepEqual({ count, bytes, readable }, { count: 3, ...size(7 * MIB) })
    assert.deepEqual({ resident, peak }, { resident: size(7 * MIB), peak: size(7 * MIB) })
    assert.deepEqual({ allocated, freed }, { allocated: { count: 3, ...size(7 * MIB) }, freed: NOTHING })
    assert.deepEqual(threads, [{ threadId: 0, count: 3, ...size(7 * MIB), resident: size(7 * MIB) }])
    assert.equal(unaccounted.readable, readableSize(unaccounted.bytes))
    assert.ok(['backing-store', 'finalizer'].includes(method), method)
  })

  it('takes any label that people can read', async (t) => {
    const server = await RunningServer.start(t)
    const labels = [MARKUP, '__proto__', 'constructor', '7', 'a b', 'größer', '\u{1f418}'.repeat(40)]
    for (const label of labels) await keep(server, { label })
    const known = await labelsOf(server)
    assert.deepEqual(Object.keys(known).sort(), [...labels].sort())
    for (const label of labels) {
      assert.equal(Object.getOwnPropertyDescriptor(known, label).value.count, 1, label)
      assert.equal((await list(server, { label })).length, 1, label)
    }
  })

  it('gives them back on release', async (t) => {
    const server = await RunningServer.start(t)
    await keep(server, { mb: 2, label: 'tiles' })
    const { released } = await server.body('/release')
    assert.deepEqual(released.buffers, { count: 1, ...size(2 * MIB) })
    await eventually(async () => Object.keys(await labelsOf(server)).length === 0) // V8 frees them on another thread
    const { allocated, freed } = (await server.body('/status')).buffers
    assert.deepEqual(freed, allocated)
  })

  it('refuses what makes no sense, and says what would', async (t) => {
    const server = await RunningServer.start(t)
    await assertRefuses(
      server,
      '/buffer',
      ['GET', 'POST'],
      { mb: 'a whole number from 1 to 1024', label: LABELS },
      [
        ['mb=0', 'mb', '0'],
        ['mb=1025', 'mb', '1025'],
        ['mb=-1', 'mb', '-1'],
        ['mb=1.5', 'mb', '1.5'],
        ['mb=', 'mb', ''],
        ['mb=1&mb=2', 'mb', '1, 2'],
        ['mb=much&label=', 'mb', 'much'],
        ...BAD_LABELS,
      ],
    )
    assert.deepEqual((await server.body('/status')).holding.buffers, NOTHING)
  })
})

describe('/buffers of the example server', suite, () => {
  it('lists the largest, or those of a label', linuxOnly, async (t) => {
    const server = await RunningServer.start(t)
    assert.deepEqual(await list(server), [])
    for (const [mb, label] of [
      [1, 'small'],
      [3, 'large'],
      [2, 'small'],
    ]) {
      await keep(server, { mb, label })
    }
    const all = await list(server)
    const { ageMs, ...largest } = all[0]
    const expected = { label: 'large', threadId: 0, source: 'tracked', stack: null }
    assert.deepEqual(largest, { ...expected, ...size(3 * MIB), resident: size(3 * MIB) })
    assert.ok(ageMs >= 0)
    const megabytes = (buffers) => buffers.map(({ bytes }) => bytes / MIB)
    assert.deepEqual(megabytes(all), [3, 2, 1])
    assert.deepEqual(megabytes(await list(server, { top: 2 })), [3, 2])
    assert.deepEqual(megabytes(await list(server, { label: 'small' })), [2, 1])
    assert.deepEqual(megabytes(await list(server, { label: 'small', top: 1 })), [2])
    assert.deepEqual(await list(server, { label: 'absent' }), [])
    assert.deepEqual(await list(server, { olderThanMs: Number.MAX_SAFE_INTEGER }), [])
  })

  it('lists a hundred unless asked for more', async (t) => {
    const server = await RunningServer.start(t)
    await Promise.all(Array.from({ length: 102 }, () => server.request('/buffer')))
    assert.equal((await list(server)).length, 100)
    assert.equal((await list(server, { top: 1000 })).length, 102)
  })

  it('refuses what makes no sense, and says what would', async (t) => {
    const server = await RunningServer.start(t)
    const allowed = {
      olderThanMs: `a whole number from 0 to ${Number.MAX_SAFE_INTEGER}`,
      label: LABELS,
      top: 'a whole number from 1 to 10000',
    }
    await assertRefuses(server, '/buffers', ['GET'], allowed, [
      ['olderThanMs=-1', 'olderThanMs', '-1'],
      ['olderThanMs=', 'olderThanMs', ''],
      ['olderThanMs=1e3', 'olderThanMs', '1e3'],
      ['olderThanMs=9007199254740993', 'olderThanMs', '9007199254740993'],
      ['olderThanMs=NaN', 'olderThanMs', 'NaN'],
      ['top=0', 'top', '0'],
      ['top=10001', 'top', '10001'],
      ['top=all', 'top', 'all'],
      ['top=1&top=2', 'top', '1, 2'],
      ...BAD_LABELS,
    ])
  })

  it('goes without residency where the platform does not tell', async (t) => {
    const server = await RunningServer.start(t, UNSUPPORTED)
    await keep(server, { label: 'tiles' })
    const unknown = { bytes: null, readable: 'unknown' }
    const [{ label, bytes, resident }] = await list(server)
    assert.deepEqual({ label, bytes, resident }, { label: 'tiles', bytes: MIB, resident: unknown })
    const { buffers } = await server.body('/status')
    assert.deepEqual(buffers.resident, unknown)
    assert.deepEqual(buffers.labels.tiles.resident, unknown)
  })
})

describe('/leak of the example server', suite, () => {
  it('starts one that the list by age finds', async (t) => {
    const server = await RunningServer.start(t)
    const { leak, holding } = await server.body('/leak')
    assert.deepEqual(leak, {
      count: 1,
      ...size(64 * KIB),
      label: 'leak',
      growing: true,
      periodMs: 50,
      buffer: size(64 * KIB),
      most: size(256 * MIB),
    })
    assert.deepEqual(holding.leak, { count: 1, ...size(64 * KIB) })
    await eventually(async () => (await list(server, { olderThanMs: 300 })).length >= 3)
    for (const buffer of await list(server, { olderThanMs: 300 })) {
      const { label, bytes, threadId, source, ageMs } = buffer
      const expected = { label: 'leak', bytes: 64 * KIB, threadId: 0, source: 'allocated' }
      assert.deepEqual({ label, bytes, threadId, source }, expected)
      assert.ok(ageMs >= 300, `${ageMs} ms`)
    }
  })

  it('is written, so that it is resident', linuxOnly, async (t) => {
    const server = await RunningServer.start(t)
    await server.body('/leak')
    await eventually(async () => (await labelsOf(server)).leak.count >= 3)
    const { bytes, resident } = (await labelsOf(server)).leak
    assert.deepEqual(resident, size(bytes))
  })

  for (const [how, path, method] of [
    ['DELETE', '/leak', 'DELETE'],
    ['a release', '/release', 'POST'],
  ]) {
    it(`ends with ${how}, and is given back`, async (t) => {
      const server = await RunningServer.start(t)
      await server.request('/leak', { method: 'POST' })
      await eventually(async () => (await server.body('/status')).holding.leak.count >= 3)
      const { code, body } = await server.request(path, { method })
      assert.equal(code, 200)
      const ended = method === 'DELETE' ? body.ended : body.released.leak
      assert.ok(ended.count >= 3 && ended.bytes === ended.count * 64 * KIB, `${ended.count}, ${ended.bytes}`)
      assert.deepEqual(body.holding.leak, NOTHING)
      const { buffers } = await server.body('/status')
      assert.equal(buffers.labels.leak, undefined)
      assert.equal(buffers.allocated.count, ended.count) // not one was added behind the end
      assert.equal((await server.body('/leak')).leak.count, 1)
    })
  }

  it('is ended once, however often it is asked for', async (t) => {
    const server = await RunningServer.start(t)
    const end = async () => (await server.request('/leak', { method: 'DELETE' })).body.ended
    const never = await end()
    assert.deepEqual([never.count, never.growing], [0, false])
    await server.body('/leak')
    const ended = await Promise.all([end(), end(), end()])
    const counts = ended.map(({ count }) => count).sort((one, other) => other - one)
    assert.ok(counts[0] >= 1, `${counts}`)
    assert.deepEqual(counts.slice(1), [0, 0])
  })

  it('is started once, however often it is asked for', async () => {
    const counts = await inChild(() => {
      const { Leak } = require('./examples/server/leak')
      const leak = new Leak({ periodMs: 2 ** 31 - 1 })
      const started = [1, 2, 3].map(() => {
        leak.start()
        return leak.summary().count
      })
      leak.end()
      leak.end()
      leak.start()
      return [...started, leak.summary().count]
    })
    assert.deepEqual(counts, [1, 1, 1, 1])
  })

  it('takes HEAD, which only looks, and refuses other methods', async (t) => {
    const server = await RunningServer.start(t)
    const { code, headers, body } = await server.request('/leak', { method: 'HEAD' })
    assert.equal(code, 200)
    assert.match(headers.get('content-type'), /^application\/json/)
    assert.equal(body, '')
    for (const method of ['PUT', 'PATCH', 'OPTIONS']) {
      const answer = await server.request('/leak', { method })
      assert.equal(answer.code, 405, method)
      assert.equal(answer.headers.get('allow'), 'GET, HEAD, POST, DELETE')
      assert.equal(answer.body.error, `/leak does not take ${method}.`)
    }
    const { holding, buffers } = await server.body('/status')
    assert.deepEqual(holding.leak, NOTHING)
    assert.equal(buffers.allocated.count, 0)
  })

  it('stops at a maximum', async () => {
    const seen = await inChild(async () => {
      const { externalBuffers } = require('.')
      const { Leak } = require('./examples/server/leak')
      const look = () => ({
        ...leak.summary(),
        growing: leak.plan.growing,
        ...externalBuffers.usage().labels,
      })
      const leak = new Leak({ most: 3, periodMs: 1 })
      leak.start()
      while (leak.plan.growing) await new Promise((resolve) => setTimeout(resolve, 5))
      const full = look()
      leak.start()
      await new Promise((resolve) => setTimeout(resolve, 50))
      const still = look()
      leak.end()
      return { full, still, after: look() }
    })
    for (const { count, bytes, growing, leak } of [seen.full, seen.still]) {
      assert.deepEqual({ count, bytes, growing }, { count: 3, bytes: 192 * KIB, growing: false })
      assert.deepEqual({ count: leak.count, bytes: leak.bytes }, { count: 3, bytes: 192 * KIB })
    }
    assert.deepEqual(seen.after, { count: 0, bytes: 0, growing: false })
  })

  it('is on the console while it lasts', async (t) => {
    const server = await RunningServer.start(t, { INTERVAL_MS: '20' })
    await server.body('/leak')
    await server.printed(/workers 0 B, leak \d+(\.\d)? [KM]iB\n/)
    await server.request('/leak', { method: 'DELETE' })
    await server.printed(/leak .*\n(rss .*\n)*?rss .* workers 0 B\n/)
  })

  it('does not keep the server from ending', async (t) => {
    const server = await RunningServer.start(t)
    await server.body('/leak')
    assert.deepEqual(await server.end('SIGTERM'), { code: 0, signal: null })
    assert.equal(server.stderr, '')
  })
})

describe('buffers of workers of the example server', suite, () => {
  for (const [way, env] of [
    ['by their backing stores', {}],
    ['by finalizers', { RS_MEMUSAGE_NO_V8: '1' }],
  ]) {
    it(`are on the books ${way} until the worker ends`, linuxOnly, async (t) => {
      const server = await RunningServer.start(t, env)
      await server.body('/worker?kind=buffer&mb=4')
      await server.body('/worker') // half of its megabytes are Buffers
      await server.body('/worker?kind=native')
      const { labels, threads } = (await server.body('/status')).buffers
      assert.deepEqual(Object.keys(labels), ['worker'])
      const { count, bytes, resident } = labels.worker
      assert.deepEqual({ count, bytes, resident }, { count: 5, bytes: 5 * MIB, resident: size(5 * MIB) })
      assert.deepEqual(
        threads.map(({ threadId, count }) => ({ threadId, count })),
        [
          { threadId: 1, count: 4 },
          { threadId: 2, count: 1 },
        ],
      )
      const owners = (await list(server, { label: 'worker' })).map(({ threadId }) => threadId)
      assert.deepEqual(owners.sort(), [1, 1, 1, 1, 2])
      await server.request('/worker/1', { method: 'DELETE' })
      await eventually(async () => (await labelsOf(server)).worker.count === 1)
      await server.request('/release')
      await eventually(async () => (await labelsOf(server)).worker === undefined)
    })
  }
})

describe('the page of the example server about buffers', suite, () => {
  const page = async (server) => (await server.request('/', { headers: { accept: 'text/html' } })).body

  it('has a place for every figure, and a figure for every place', linuxOnly, async (t) => {
    const server = await RunningServer.start(t)
    await keep(server, {})
    const html = await page(server)
    const { body: script } = await server.request('/buffers.mjs')
    const { kept } = await labelsOf(server)
    const [, template] = /<template id="labelled">(.*?)<\/template>/s.exec(html)
    const named = (attribute) =>
      [...template.matchAll(new RegExp(` data-${attribute}="([^"]+)"`, 'g'))].map(([, name]) => name)
    assert.deepEqual(named('of'), ['resident', 'committed', 'count', 'oldest'])
    assert.deepEqual([...named('slice'), ...named('share-of')], ['resident', 'resident'])
    // What of a label it reads is there.
    const [, read] = /function readable\(\{ ([^}]*) \}\)/.exec(script)
    for (const figure of read.split(', ')) assert.notEqual(kept[figure], undefined, figure)
  })

  it('offers what /buffer takes', async (t) => {
    const server = await RunningServer.start(t)
    const html = await page(server)
    const [, from, to] = /<input type="number" id="bufferMb" min="(\d+)" max="(\d+)"/.exec(html)
    const [, longest, label] = /<input type="text" id="label" maxlength="(\d+)" value="(\w+)"/.exec(html)
    const code = async (query) => (await server.request(`/buffer?${query}`, { method: 'HEAD' })).code
    const wishes = [from - 1, from, to, Number(to) + 1].map((mb) => code(`mb=${mb}`))
    assert.deepEqual(await Promise.all(wishes), [400, 200, 200, 400])
    assert.equal(await code(`label=${'x'.repeat(longest)}`), 200)
    assert.equal(await code(`label=${'x'.repeat(longest)}x`), 400)
    await keep(server, {})
    assert.deepEqual(Object.keys(await labelsOf(server)), [label])
  })

  it('says ages in words', async () => {
    const { ageText } = await import('../examples/server/page/figures.mjs')
    for (const [ms, text] of [
      [0, '0 s'],
      [999, '0 s'],
      [1000, '1 s'],
      [59_999, '59 s'],
      [60_000, '1 min'],
      [3_599_999, '59 min'],
      [3_600_000, '1 h'],
      [86_400_000 * 3, '3 d'],
    ]) {
      assert.equal(ageText(ms), text)
    }
  })
})
