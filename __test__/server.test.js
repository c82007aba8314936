'use strict'

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { prefersHtml } = require('../examples/server/accept')
const { readableSize } = require('../examples/server/format')
const {
  RunningServer,
  SCRIPT,
  eventually,
  serverEnvironment,
  spoilWorkers,
} = require('./fixtures/running-server')
const { MIB, inChild, runProcess } = require('./helpers/child')
const { PARTS } = require('./helpers/parts')

const FIGURES = ['rss', 'heapTotal', 'heapUsed', 'external', 'arrayBuffers', 'heapLimit', 'peakRss']
const ACTIONS = ['/allocate', '/buffer', '/worker', '/release']
const LOOKS = ['/', '/status', '/buffers']
const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8'
const NOTHING = { count: 0, bytes: 0, readable: '0 B' }
const NOTHING_HELD = { heap: NOTHING, buffers: NOTHING, leak: NOTHING, workers: NOTHING }

// Every server is a process of its own. The time is for a machine that is busy with something else.
const suite = { concurrency: 2, timeout: 60_000 }
const linuxOnly = { skip: process.platform !== 'linux' && 'reads /proc' }

describe('the routes of the example server', suite, () => {
  it('are listed at /', async (t) => {
    const server = await RunningServer.start(t)
    const { code, headers, body } = await server.request('/')
    assert.equal(code, 200)
    assert.match(headers.get('content-type'), /^application\/json/)
    assert.deepEqual(
      body.routes.map(({ path }) => path),
      ['/', '/status', '/allocate', '/buffer', '/buffers', '/leak', '/worker', '/worker/:id', '/release'],
    )
    await server.body('/worker')
    for (const { path, about } of body.routes) {
      assert.equal((await server.request(path.replace(':id', 1))).code, 200, `${path}: ${about}`)
    }
    const { query } = body.routes.find(({ path }) => path === '/worker')
    assert.deepEqual(Object.keys(query), ['mb', 'kind'])
  })

  it('/status reports every figure in bytes and in words', async (t) => {
    const server = await RunningServer.start(t)
    const { memory, holding } = await server.body('/status')
    assert.deepEqual(Object.keys(memory), FIGURES)
    for (const [figure, { bytes, readable }] of Object.entries(memory)) {
      assert.ok(Number.isSafeInteger(bytes) && bytes > 0, `${figure} is ${bytes}`)
      assert.equal(readable, readableSize(bytes))
    }
    assert.ok(memory.heapUsed.bytes < memory.heapTotal.bytes)
    assert.ok(memory.heapTotal.bytes < memory.rss.bytes)
    assert.deepEqual(holding, NOTHING_HELD)
  })

  it('/status says where the memory is, and the parts are all of it', linuxOnly, async (t) => {
    const server = await RunningServer.start(t)
    const { memory, breakdown } = await server.body('/status')
    const { rss, parts, nativeHeap, arrayBuffers, swap, threads, method, costMicros } = breakdown
    assert.deepEqual(Object.keys(parts), PARTS)
    const { arenas, allocator, ...nativeSizes } = nativeHeap
    assert.deepEqual(Object.keys(nativeSizes), ['resident', 'inUse', 'retained', 'deadArenas'])
    for (const { bytes, readable } of [
      ...Object.values({ rss, ...parts, ...nativeSizes, ...arrayBuffers, swap }),
    ]) {
      assert.equal(readable, readableSize(bytes))
    }
    assert.equal(
      Object.values(parts).reduce((sum, { bytes }) => sum + bytes, 0),
      rss.bytes,
    )
    assert.equal(nativeHeap.resident.bytes, parts.nativeHeap.bytes)
    // Two looks, one behind the other, between which the server goes on living.
    assert.ok(Math.abs(rss.bytes - memory.rss.bytes) < 8 * MIB, `${rss.readable}, ${memory.rss.readable}`)
    assert.equal(threads, server.threads())
    assert.ok(method.residency && method.v8 && costMicros > 0)
  })

  it('/status knows nothing of parts where the platform does not tell', async (t) => {
    const server = await RunningServer.start(t, { NODE_OPTIONS: '--no-addons' })
    const { memory, breakdown } = await server.body('/status')
    assert.equal(breakdown, null)
    assert.ok(memory.rss.bytes > 0)
    await server.printed(/^rss \S+ MiB \(peak unknown\) \| heap/m)
  })

  it('/allocate keeps a megabyte of heap', async (t) => {
    const server = await RunningServer.start(t)
    const before = await server.body('/status')
    await server.repeat(16, '/allocate')
    const after = await server.body('/status')
    assert.deepEqual(after.holding.heap, { count: 16, bytes: 16 * MIB, readable: '16.0 MiB' })
    // What collections take away meanwhile lowers the sum: 3 MiB are allowed for that.
    const grown = after.memory.heapUsed.bytes - before.memory.heapUsed.bytes
    assert.ok(grown > 13 * MIB, `heapUsed grew by ${readableSize(grown)}`)
  })

  it('/buffer keeps a megabyte that is resident', async (t) => {
    const server = await RunningServer.start(t)
    const before = await server.body('/status')
    await server.repeat(64, '/buffer')
    const after = await server.body('/status')
    assert.deepEqual(after.holding.buffers, { count: 64, bytes: 64 * MIB, readable: '64.0 MiB' })
    const counted = after.memory.arrayBuffers.bytes - before.memory.arrayBuffers.bytes
    assert.ok(Math.abs(counted - 64 * MIB) < MIB, `arrayBuffers grew by ${readableSize(counted)}`)
    // What collections give back meanwhile lowers the sum: 4 MiB are allowed for that. Without it, it is 66 MiB
    // and more, because the heap grows with the requests too.
    const grown = after.memory.rss.bytes - before.memory.rss.bytes
    assert.ok(grown >= 60 * MIB, `rss grew by ${readableSize(grown)}`)
    assert.ok(after.memory.peakRss.bytes - before.memory.rss.bytes >= 60 * MIB)
  })

  it('/buffer keeps its megabytes in the native heap', linuxOnly, async (t) => {
    const server = await RunningServer.start(t)
    const nativeHeap = async () => (await server.body('/status')).breakdown.parts.nativeHeap.bytes
    await nativeHeap() // what the first request and the first look leave behind is not the buffers'
    const before = await nativeHeap()
    await server.repeat(64, '/buffer')
    const grown = (await nativeHeap()) - before
    // Each takes a page more than its megabyte for malloc's header, 0.25 MiB in all. The rest of the 3 MiB is for
    // what the requests themselves leave in the allocator, or what is freed meanwhile.
    assert.ok(Math.abs(grown - 64 * MIB) <= 3 * MIB, `nativeHeap grew by ${readableSize(grown)}`)
  })

  it('/worker answers when a thread is online and holds its memory', linuxOnly, async (t) => {
    const server = await RunningServer.start(t)
    const before = await server.body('/status')
    const threads = server.threads()
    const { worker, holding, memory } = await server.body('/worker')
    assert.equal(server.threads(), threads + 1)
    assert.deepEqual(worker, { threadId: 1, holds: { bytes: 2 * MIB, readable: '2.0 MiB' } })
    assert.deepEqual(holding.workers, { count: 1, bytes: 2 * MIB, readable: '2.0 MiB' })
    assert.ok(memory.rss.bytes - before.memory.rss.bytes >= 2 * MIB)

    await server.body('/worker')
    assert.equal(server.threads(), threads + 2)
    assert.equal((await server.body('/status')).holding.workers.count, 2)
  })

  it('/release frees everything and says what it was', linuxOnly, async (t) => {
    const server = await RunningServer.start(t)
    const threads = server.threads()
    await server.repeat(16, '/allocate')
    await server.repeat(64, '/buffer')
    await server.repeat(2, '/worker')
    const full = await server.body('/status')
    const { released, holding, memory } = await server.body('/release')
    assert.deepEqual(released, full.holding)
    assert.deepEqual(released.workers, { count: 2, bytes: 4 * MIB, readable: '4.0 MiB' })
    assert.deepEqual(holding, NOTHING_HELD)
    const fallen = (figure) => full.memory[figure].bytes - memory[figure].bytes
    assert.ok(fallen('heapUsed') > 14 * MIB, `heapUsed fell by ${readableSize(fallen('heapUsed'))}`)
    assert.ok(fallen('arrayBuffers') >= 64 * MIB, `arrayBuffers fell by ${fallen('arrayBuffers')}`)
    // The Buffers go back to the system at once; V8 and the C allocator keep some of the rest for later.
    assert.ok(fallen('rss') >= 60 * MIB, `rss fell by ${readableSize(fallen('rss'))}`)
    await eventually(() => server.threads() === threads)
    assert.deepEqual((await server.body('/release')).released, NOTHING_HELD)
  })

  it('take GET and POST for actions', async (t) => {
    const server = await RunningServer.start(t)
    for (const method of ['GET', 'POST']) {
      for (const path of ACTIONS) {
        const body = method === 'POST' ? 'a body that nobody reads' : undefined
        assert.equal((await server.request(path, { method, body })).code, 200, `${method} ${path}`)
      }
    }
  })

  it('take HEAD, which only looks', async (t) => {
    const server = await RunningServer.start(t)
    for (const path of [...LOOKS, ...ACTIONS]) {
      const { code, headers, body } = await server.request(path, { method: 'HEAD' })
      assert.equal(code, 200, path)
      assert.match(headers.get('content-type'), /^application\/json/)
      assert.equal(body, '')
    }
    assert.deepEqual((await server.body('/status')).holding, NOTHING_HELD)
  })

  it('refuse other methods and name theirs', async (t) => {
    const server = await RunningServer.start(t)
    for (const [paths, allowed, refused] of [
      [LOOKS, 'GET, HEAD', ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']],
      [ACTIONS, 'GET, HEAD, POST', ['PUT', 'PATCH', 'DELETE', 'OPTIONS']],
    ]) {
      for (const path of paths) {
        for (const method of refused) {
          const { code, headers, body } = await server.request(path, { method })
          assert.equal(code, 405, `${method} ${path}`)
          assert.equal(headers.get('allow'), allowed)
          assert.equal(body.error, `${path} does not take ${method}.`)
        }
      }
    }
    assert.deepEqual((await server.body('/status')).holding, NOTHING_HELD)
  })

  it('ignore a query, and answer 404 to what is no route', async (t) => {
    const server = await RunningServer.start(t)
    assert.equal((await server.request('/status?pretty')).code, 200)
    for (const path of ['/nowhere', '/status/', '/Status', '/buffers/', '/constructor', '/%F0%9F']) {
      const { code, headers, body } = await server.request(path)
      assert.equal(code, 404, path)
      assert.match(headers.get('content-type'), /^application\/json/)
      assert.equal(body.error, `There is nothing at ${path}. The routes are listed at /`)
    }
  })

  it('survive malformed addresses', async (t) => {
    const server = await RunningServer.start(t)
    const get = (target) => server.raw(`GET ${target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`)
    assert.match(await get('//'), /^HTTP\/1.1 404 .*nothing at \/\//s)
    assert.match(await get('//nowhere:99999999'), /^HTTP\/1.1 404 /)
    assert.match(await get('/%'), /^HTTP\/1.1 404 /)
    assert.match(await get('/%zz?%'), /^HTTP\/1.1 404 /)
    assert.match(await get('*'), /^HTTP\/1.1 400 .*malformed/s)
    assert.match(await get('http://[/status'), /^HTTP\/1.1 400 .*malformed/s)
    assert.match(await get('nonsense'), /^HTTP\/1.1 400 /)
    assert.match(await get('http://somewhere.else/status'), /^HTTP\/1.1 200 .*heapUsed/s)
    assert.match(await server.raw('\0\0\0\r\n\r\n'), /^HTTP\/1.1 400 /)
    assert.equal((await server.request('/status')).code, 200)
  })
})

describe('the page of the example server', suite, () => {
  const PAGE_FILES = {
    '/page.css': 'text/css',
    '/page.mjs': 'text/javascript',
    '/buffers.mjs': 'text/javascript',
    '/drawing.mjs': 'text/javascript',
    '/figures.mjs': 'text/javascript',
    '/rows.mjs': 'text/javascript',
    '/threads.mjs': 'text/javascript',
  }

  it('is at / for who prefers HTML', () => {
    for (const accept of [
      BROWSER,
      'text/html',
      'TEXT/HTML ; Q=0.5',
      'text/html, application/json',
      'application/json;q=0.9, text/html',
      'text/*',
      'text/html;charset=utf-8, */*;q=0.1',
      'application/json;q=0, */*',
    ]) {
      assert.equal(prefersHtml(accept), true, accept)
    }
    for (const accept of [
      undefined,
      '',
      '*/*',
      'application/json',
      'application/json, text/plain, */*',
      'application/json, text/html;q=0.9',
      'text/html;q=0',
      'text/html;q=0, */*',
      'text/html;q=2',
      'text/html;q=',
      'text/html;q=much',
      'text/htmlx',
      'image/png',
      ',;,=;q',
    ]) {
      assert.equal(prefersHtml(accept), false, accept)
    }
  })

  it('shares its address with the list of routes', async (t) => {
    const server = await RunningServer.start(t)
    for (const [accept, type] of [
      [BROWSER, 'text/html; charset=utf-8'],
      ['*/*', 'application/json; charset=utf-8'],
      ['application/json', 'application/json; charset=utf-8'],
    ]) {
      for (const method of ['GET', 'HEAD']) {
        const { code, headers, body } = await server.request('/', { method, headers: { accept } })
        assert.equal(code, 200)
        assert.equal(headers.get('content-type'), type)
        assert.equal(headers.get('vary'), 'accept')
        assert.equal(body === '', method === 'HEAD')
      }
    }
    const silent = await server.raw('GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
    assert.match(silent, /^content-type: application\/json.*"routes"/ims)
  })

  it('may load its own files and run no other code', async (t) => {
    const server = await RunningServer.start(t)
    const { headers } = await server.request('/', { headers: { accept: BROWSER } })
    const policy = headers.get('content-security-policy').split('; ')
    for (const directive of [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "connect-src 'self'",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'",
    ]) {
      assert.ok(policy.includes(directive), directive)
    }
    assert.doesNotMatch(policy.join(), /unsafe|http|\*/)
    for (const path of ['/', '/status', ...Object.keys(PAGE_FILES)]) {
      const { headers } = await server.request(path, { headers: { accept: BROWSER } })
      assert.equal(headers.get('x-content-type-options'), 'nosniff', path)
      assert.equal(headers.get('cache-control'), 'no-store', path)
    }
  })

  it('is complete with what this server has', async (t) => {
    const server = await RunningServer.start(t)
    const { body: html } = await server.request('/', { headers: { accept: BROWSER } })
    const sources = [html]
    for (const [path, type] of Object.entries(PAGE_FILES)) {
      const { code, headers, body } = await server.request(path)
      assert.equal(code, 200, path)
      assert.equal(headers.get('content-type'), `${type}; charset=utf-8`)
      assert.equal((await server.request(path, { method: 'POST' })).code, 405)
      sources.push(body)
    }
    for (const source of sources) {
      assert.doesNotMatch(source, /[a-z]:\/\/|["'(]\/\/|url\(|@import/i) // nothing of another host
      assert.doesNotMatch(source, /innerHTML|outerHTML|insertAdjacentHTML|document\.write/)
    }
    assert.doesNotMatch(html, /<style|<script>| style=| on[a-z]+=/) // what the policy would refuse
    for (const [, address] of html.matchAll(/ (?:src|href)="([^"]*)"/g)) {
      if (address !== 'data:,') assert.equal((await server.request(`/${address}`)).code, 200, address)
    }
    for (const [, file] of sources.join('').matchAll(/ from '\.(\/[^']*)'/g)) {
      assert.ok(PAGE_FILES[file], file)
    }
    for (const [, action] of html.matchAll(/ data-action="([^"]*)"/g)) {
      assert.ok([...ACTIONS, '/leak'].includes(`/${action}`), action)
    }
  })

  it('has a place for every figure, and a figure for every place', linuxOnly, async (t) => {
    const server = await RunningServer.start(t)
    const { body: html } = await server.request('/', { headers: { accept: BROWSER } })
    const status = await server.body('/status')
    const named = (pattern) => [...html.matchAll(pattern)].map(([, name]) => name)
    assert.deepEqual(named(/class="segment" data-part="(\w+)"/g), PARTS)
    assert.deepEqual(named(/<tr [^>]*data-part="(\w+)"/g), PARTS)
    const figures = named(/ data-figure="([^"]+\.[^"]+)"/g)
    for (const part of PARTS) assert.ok(figures.includes(`breakdown.parts.${part}`), part)
    for (const kind of Object.keys(status.holding)) assert.ok(figures.includes(`holding.${kind}`), kind)
    for (const figure of figures) {
      const value = figure.split('.').reduce((holder, key) => holder?.[key], status)
      assert.notEqual(value, undefined, figure) // null is a value: unknown
    }
  })
})

describe('the page of the example server about threads', suite, () => {
  const namedIn = (html, attribute) =>
    [...html.matchAll(new RegExp(` data-${attribute}="([^"]+)"`, 'g'))].map(([, name]) => name)

  it('has a place for every figure, and a figure for every place', linuxOnly, async (t) => {
    const server = await RunningServer.start(t)
    await server.body('/worker')
    const { body: html } = await server.request('/', { headers: { accept: BROWSER } })
    const status = await server.body('/status')
    const worker = status.threads.find(({ kind }) => kind === 'worker')
    const [, template] = /<template id="thread">(.*?)<\/template>/s.exec(html)
    const rest = html.replace(/<template.*?<\/template>/gs, '')
    // Bars have all that adds up to a thread, and to what no thread owns.
    assert.deepEqual(namedIn(template, 'slice').sort(), ['jit', 'nativeHeap', 'stack', 'v8Heap'])
    const shared = Object.keys(status.threadTotals.sharedParts)
    assert.deepEqual(
      namedIn(rest, 'slice').sort(),
      ['threadTotals.runtime', ...shared.map((name) => `threadTotals.sharedParts.${name}`)].sort(),
    )
    for (const attribute of ['of', 'share-of']) {
      for (const figure of namedIn(template, attribute)) assert.ok(worker[figure] !== undefined, figure)
    }
    for (const path of namedIn(rest, 'share-of')) {
      assert.ok(path.split('.').reduce((holder, key) => holder?.[key], status) !== undefined, path)
    }
    for (const total of ['rss', 'shared', 'runtime']) {
      assert.ok(namedIn(rest, 'figure').includes(`threadTotals.${total}`), total)
    }
    for (const part of namedIn(html, 'part')) assert.ok(PARTS.includes(part), part)
  })

  it('offers what /worker takes', async (t) => {
    const server = await RunningServer.start(t)
    const { body: html } = await server.request('/', { headers: { accept: BROWSER } })
    const kinds = [...html.matchAll(/<option value="([^"]*)"/g)].map(([, kind]) => kind)
    assert.deepEqual(kinds, ['', 'heap', 'buffer', 'native'])
    for (const kind of kinds.slice(1)) {
      assert.equal((await server.request(`/worker?mb=1&kind=${kind}`)).code, 200, kind)
    }
    const [, from, to] = /<input type="number" id="mb" min="(\d+)" max="(\d+)"/.exec(html)
    const codes = [from - 1, from, to, Number(to) + 1].map(async (mb) => {
      return (await server.request(`/worker?mb=${mb}`, { method: 'HEAD' })).code
    })
    assert.deepEqual(await Promise.all(codes), [400, 200, 200, 400])
  })
})

describe('a worker of the example server', suite, () => {
  it('answers 500 when it cannot start', async (t) => {
    for (const [mishap, error] of [
      ['throws', 'The worker did not start: a mishap at the start'],
      ['exits', 'The worker did not start: exit code 7'],
    ]) {
      const server = await RunningServer.start(t, spoilWorkers(mishap))
      const answer = await server.request('/worker')
      assert.equal(answer.code, 500)
      assert.deepEqual(answer.body, { error })
      assert.deepEqual((await server.body('/status')).holding, NOTHING_HELD)
    }
  })

  it('holds its memory through garbage collections', async (t) => {
    const server = await RunningServer.start(t, spoilWorkers('collectsGarbage'))
    await server.body('/worker')
    server.signal('SIGUSR2')
    const [, left] = await server.printed(/left in the worker: (\d+) bytes\n/)
    assert.ok(Number(left) >= MIB, `${left} bytes`)
  })

  it('may fail later without taking the server along', async (t) => {
    const server = await RunningServer.start(t, spoilWorkers('throwsLater'))
    const { holding } = await server.body('/worker')
    assert.equal(holding.workers.count, 1)
    server.signal('SIGUSR2')
    await server.printed(/^Worker 1 failed: a mishap in the middle$/m)
    await eventually(async () => (await server.body('/status')).holding.workers.count === 0)
    assert.deepEqual((await server.body('/release')).released, NOTHING_HELD)
  })

  it('is stopped by a release while it starts', linuxOnly, async (t) => {
    const server = await RunningServer.start(t, spoilWorkers('hangs'))
    const threads = server.threads()
    const worker = server.request('/worker')
    await server.printed(/the worker hangs/)
    assert.deepEqual((await server.body('/status')).holding.workers, NOTHING)
    assert.equal((await server.request('/release')).code, 200)
    const { code, body } = await worker
    assert.equal(code, 409)
    assert.equal(body.error, 'The worker was released before it held its memory.')
    await eventually(() => server.threads() === threads)
  })

  it('is kept when it was asked for after a release, however soon', async (t) => {
    const server = await RunningServer.start(t)
    // One connection, so that the server gets them in this order and the next before it answered the last.
    const paths = ['/worker', '/release', '/worker', '/buffer', '/release', '/worker']
    const last = 'GET /status HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'
    const requests = paths.map((path) => `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`)
    const answers = await server.raw(requests.join('') + last)
    const codes = [...answers.matchAll(/^HTTP\/1.1 (\d+)/gm)].map(([, code]) => Number(code))
    assert.deepEqual(codes, [409, 200, 409, 200, 200, 200, 200])
    const { holding } = await server.body('/status')
    assert.deepEqual({ ...holding, workers: holding.workers.count }, { ...NOTHING_HELD, workers: 1 })
  })

  it('is never left behind by requests that overlap', linuxOnly, async (t) => {
    const server = await RunningServer.start(t)
    const threads = server.threads()
    const paths = ['/worker', '/release', '/worker', '/worker', '/release', '/release', '/worker', '/worker']
    const answers = await Promise.all(paths.map((path) => server.request(path)))
    for (const [index, { code }] of answers.entries()) {
      assert.ok(code === 200 || (code === 409 && paths[index] === '/worker'), `${paths[index]}: ${code}`)
    }
    const { holding } = await server.body('/status')
    await eventually(() => server.threads() === threads + holding.workers.count)
    const { released } = await server.body('/release')
    assert.deepEqual(released, holding)
    await eventually(() => server.threads() === threads)
  })
})

describe('the start of the example server', suite, () => {
  it('tells of a busy port in one line', async (t) => {
    const { port } = await RunningServer.start(t)
    const result = await runServer({ PORT: String(port) })
    const other = port < 65535 ? port + 1 : port - 1
    assert.deepEqual(result, {
      code: 1,
      signal: null,
      stdout: '',
      stderr: `Port ${port} on 127.0.0.1 is in use. Choose another one: PORT=${other} npm start\n`,
    })
  })

  it('refuses settings that make no sense', async () => {
    for (const [name, value, range] of [
      ['PORT', 'abc', '0 to 65535'],
      ['PORT', '-1', '0 to 65535'],
      ['PORT', '65536', '0 to 65535'],
      ['PORT', '80.5', '0 to 65535'],
      ['PORT', '0x50', '0 to 65535'],
      ['INTERVAL_MS', '0', '1 to 2147483647'],
      ['INTERVAL_MS', '2147483648', '1 to 2147483647'],
    ]) {
      const { code, stdout, stderr } = await runServer({ [name]: value })
      assert.equal(code, 1, `${name}=${value}`)
      assert.equal(stdout, '')
      assert.equal(stderr, `${name} must be a whole number from ${range}, not "${value}".\n`)
    }
  })

  it('tells of a host that is not of this machine', async () => {
    const { code, stderr } = await runServer({ HOST: '192.0.2.1' }) // reserved for documentation
    assert.equal(code, 1)
    assert.match(stderr, /^Cannot listen on 192\.0\.2\.1, port 0: .*EADDRNOTAVAIL.* Check HOST and PORT\.\n$/)
  })

  it('listens on 127.0.0.1 unless HOST says otherwise', async (t) => {
    assert.equal((await RunningServer.start(t)).host, '127.0.0.1')
    assert.equal((await RunningServer.start(t, { HOST: '' })).host, '127.0.0.1')
    assert.equal((await RunningServer.start(t, { HOST: '0.0.0.0' })).host, '0.0.0.0')
  })
})

describe('the console of the example server', suite, () => {
  const SIZE = String.raw`\d+(\.\d)? [KMG]?i?B`

  it('has a memory line at the start', linuxOnly, async (t) => {
    const server = await RunningServer.start(t)
    const [line] = await server.printed(/^rss .*$/m)
    const parts = [
      `rss ${SIZE} \\(peak ${SIZE}, largest part \\w+ ${SIZE}\\)`,
      `heap ${SIZE} of ${SIZE} \\(limit ${SIZE}\\)`,
      `external ${SIZE} \\(array buffers ${SIZE}\\)`,
      'holding heap 0 B, buffers 0 B, workers 0 B',
    ]
    assert.match(line, new RegExp(`^${parts.join(' \\| ')}$`))
  })

  it('has another at every interval', async (t) => {
    const server = await RunningServer.start(t, { INTERVAL_MS: '20' })
    await server.repeat(3, '/buffer')
    await server.printed(/holding heap 0 B, buffers 3\.0 MiB, workers 0 B\n/)
    await server.body('/release')
    const [lines] = await server.printed(/buffers 3\.0 MiB.*\n(rss .*\n)*?rss .*buffers 0 B.*\n/)
    assert.ok(lines.startsWith('buffers 3.0 MiB'))
  })
})

describe('the end of the example server', suite, () => {
  for (const signal of ['SIGTERM', 'SIGINT']) {
    it(`is clean on ${signal}`, async (t) => {
      const server = await RunningServer.start(t)
      await server.request('/status') // leaves an idle connection
      assert.deepEqual(await server.end(signal), { code: 0, signal: null })
      await assert.rejects(server.request('/status'))
    })

    it(`is clean on ${signal} with workers and all else held`, async (t) => {
      const server = await RunningServer.start(t)
      for (const path of ['/worker', '/worker', '/buffer', '/allocate']) await server.request(path)
      assert.deepEqual(await server.end(signal), { code: 0, signal: null })
      assert.equal(server.stderr, '')
    })
  }

  it('answers who still waits for a worker', async (t) => {
    const server = await RunningServer.start(t, spoilWorkers('hangs'))
    const worker = server.request('/worker')
    await server.printed(/the worker hangs/)
    server.signal('SIGTERM')
    const { code, headers } = await worker
    assert.equal(code, 409)
    assert.equal(headers.get('connection'), 'close')
    assert.deepEqual(await server.ended(), { code: 0, signal: null })
  })

  it('does not wait long for connections that say nothing, or not enough', async (t) => {
    const server = await RunningServer.start(t)
    await server.silentConnection()
    await server.stalledConnection()
    const start = performance.now()
    assert.deepEqual(await server.end('SIGTERM'), { code: 0, signal: null })
    const waited = performance.now() - start
    assert.ok(waited < 20_000, `${waited} ms`)
  })

  it('comes at once with a second signal', async (t) => {
    const server = await RunningServer.start(t)
    await server.stalledConnection() // for which the first signal waits
    server.signal('SIGTERM')
    await server.printed(/^Stopping/m)
    assert.deepEqual(await server.end('SIGINT'), { code: 130, signal: null })
  })
})

describe('the parts of the example server', suite, () => {
  it('make a heap megabyte of a megabyte of heap', async () => {
    const each = await inChild(() => {
      const { heapMegabyte } = require('./examples/server/megabyte')
      const usedHeap = () => {
        for (let round = 0; round < 3; round++) global.gc() // some garbage needs more than one
        return require('node:v8').getHeapStatistics().used_heap_size
      }
      heapMegabyte()
      const before = usedHeap()
      const held = Array.from({ length: 64 }, heapMegabyte)
      return (usedHeap() - before) / held.length
    })
    assert.ok(Math.abs(each / MIB - 1) < 0.02, `${each} bytes`)
  })

  it('read sizes aloud', () => {
    const examples = {
      '0 B': 0,
      '1023 B': 1023,
      '1.0 KiB': 1024,
      '1.0 MiB': MIB - 1,
      '43.3 MiB': 45428736,
      '4.0 GiB': 4345298944,
      '5.0 TiB': 5 * 1024 ** 4,
      '2048.0 TiB': 2 * 1024 ** 5,
      unknown: null,
    }
    for (const [readable, bytes] of Object.entries(examples)) assert.equal(readableSize(bytes), readable)
  })
})

function runServer(env) {
  return runProcess(process.execPath, [SCRIPT], { env: serverEnvironment(env) })
}
