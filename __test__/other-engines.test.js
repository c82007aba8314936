'use strict'

const assert = require('node:assert/strict')
const { mkdtempSync, readFileSync, rmSync, writeFileSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { after, describe, it } = require('node:test')
const { inChild, MIB, root, runProcess } = require('./helpers/child')
const { needsCommand } = require('./helpers/commands')

/** What an engine without the addon is asked, and says. Runs there. */
async function askEngine(memusage) {
  const { externalBuffers, footprint, memoryUsage, rssBreakdown, rssBreakdownAsync, workerRss } = memusage
  const { trim, workerRssAsync } = memusage
  const codeOf = async (call) => {
    try {
      await call()
      return null
    } catch (error) {
      return error instanceof Error ? error.code : 'no Error'
    }
  }
  const buffer = externalBuffers.allocate(1000, { label: 'allocated' })
  const view = externalBuffers.track(new Uint8Array(500))
  const held = externalBuffers.usage()
  const list = externalBuffers.list({ top: 1 })
  externalBuffers.release(buffer)
  globalThis.kept = view
  return {
    method: memoryUsage.method,
    usage: memoryUsage(),
    rss: memoryUsage.rss(),
    core: process.memoryUsage(),
    nulls: [memoryUsage.peakRss(), trim().released],
    reset: memoryUsage.resetPeakRss(),
    held,
    list,
    unaccounted: externalBuffers.unaccounted(),
    released: [buffer.length, externalBuffers.usage().freed.bytes],
    codes: await Promise.all(
      [
        () => rssBreakdown(),
        () => rssBreakdownAsync(),
        () => workerRss(),
        () => workerRss.self(),
        () => workerRssAsync(),
        () => footprint(),
        () => externalBuffers.profile.start(),
        () => externalBuffers.profile.startAll(),
      ].map(codeOf),
    ),
    argument: await codeOf(() => footprint('x')),
  }
}

function assertAnswers(answer) {
  assert.deepEqual(answer.method, { rss: 'node', v8: 'none', arrayBuffers: 'none' })
  for (const rss of [answer.usage.rss, answer.rss]) assert.ok(Math.abs(rss - answer.core.rss) < 8 * MIB)
  assert.ok(answer.usage.heapUsed > 0 && answer.usage.heapLimit > answer.usage.heapTotal)
  assert.deepEqual(answer.nulls, [null, null])
  assert.equal(answer.reset, false)
  const { count, bytes, peakBytes, resident, labels, method } = answer.held
  assert.deepEqual([count, bytes, peakBytes, resident, method], [2, 1500, 1500, null, 'finalizer'])
  assert.deepEqual([labels.allocated.bytes, labels.unlabelled.bytes], [1000, 500])
  assert.deepEqual([answer.list.length, answer.list[0].bytes, answer.list[0].source], [1, 1000, 'allocated'])
  assert.ok(answer.unaccounted >= 0)
  assert.deepEqual(answer.released, [0, 1000])
  assert.deepEqual(new Set(answer.codes), new Set(['ERR_MEMUSAGE_UNSUPPORTED']))
  assert.equal(answer.argument, 'ERR_INVALID_ARG_TYPE')
}

describe('in an engine that is not Node', () => {
  const folder = mkdtempSync(join(tmpdir(), 'rs-memusage-engines-'))
  after(() => rmSync(folder, { recursive: true }))
  const script = join(folder, 'ask.cjs')
  writeFileSync(
    script,
    `(${askEngine})(require(${JSON.stringify(root)})).then((answer) => console.log(JSON.stringify(answer)))`,
  )

  for (const [engine, args] of [
    ['bun', [script]],
    ['deno', ['run', '--allow-all', script]],
  ]) {
    it(`${engine}: answers through JavaScript (review B.4)`, needsCommand(engine), async () => {
      const { code, signal, stdout, stderr } = await runProcess(engine, args)
      assert.deepEqual([code, signal], [0, null], stderr)
      assertAnswers(JSON.parse(stdout))
    })
  }

  for (const engine of ['bun', 'deno', 'electron', 'nw']) {
    it(`loads no native code where process.versions names ${engine}`, async () => {
      const { answer, isLoaded } = await inChild(
        async (engine, body) => {
          const versions = { ...process.versions, [engine]: '1.0.0' }
          Object.defineProperty(process, 'versions', { value: versions })
          const ask = require('node:vm').runInThisContext(`(${body})`)
          const answer = await ask(require('./index.js'))
          const maps = require('node:fs').readFileSync('/proc/self/maps', 'latin1')
          return { answer, isLoaded: maps.includes('rs-memusage.') }
        },
        { args: [engine, String(askEngine)] },
      )
      assert.equal(isLoaded, false)
      assertAnswers(answer)
    })
  }

  it('follows buffers until they are collected', async () => {
    const { before, usage } = await inChild(async () => {
      Object.defineProperty(process, 'release', { value: { name: 'other' } })
      const { externalBuffers } = require('./index.js')
      const { collectUntil } = require('./__test__/helpers/collect.js')
      const track = () => {
        for (let i = 0; i < 64; i++) externalBuffers.track(new ArrayBuffer(1024 * 1024), { label: 'gone' })
      }
      track()
      const before = externalBuffers.usage().peakBytes
      await collectUntil(() => externalBuffers.usage().count === 0)
      return { before, usage: externalBuffers.usage() }
    })
    assert.equal(before, 64 * MIB)
    assert.deepEqual([usage.count, usage.bytes, usage.freed.bytes], [0, 0, 64 * MIB])
    assert.deepEqual(usage.labels, {})
  })

  it('counts a resizable buffer at its size of the last call', async () => {
    const usage = await inChild(() => {
      Object.defineProperty(process, 'release', { value: { name: 'other' } })
      const { externalBuffers } = require('./index.js')
      const buffer = externalBuffers.track(new ArrayBuffer(100, { maxByteLength: 1000 }))
      globalThis.kept = buffer
      buffer.resize(700)
      externalBuffers.track(buffer, { label: 'grown' })
      buffer.resize(300)
      externalBuffers.track(buffer)
      return externalBuffers.usage()
    })
    assert.deepEqual(
      [usage.bytes, usage.peakBytes, usage.allocated.bytes, usage.freed.bytes],
      [300, 700, 700, 400],
    )
    assert.deepEqual(Object.keys(usage.labels), ['grown'])
  })
})

describe('in a startup snapshot', () => {
  const folder = mkdtempSync(join(tmpdir(), 'rs-memusage-snapshot-'))
  after(() => rmSync(folder, { recursive: true }))

  it('answers through JavaScript, while it is built and after it was started (review B.7)', async () => {
    const [script, blob] = ['entry.js', 'snapshot.blob'].map((file) => join(folder, file))
    // A snapshot is built of one file, into which the package goes with the rest of the program.
    writeFileSync(
      script,
      `const memusage = ((module) => {\n${readFileSync(join(root, 'bundle.js'), 'utf8')}\nreturn module.exports()\n})({})
      const { externalBuffers, memoryUsage, workerRss } = memusage
      let code
      try { workerRss() } catch (error) { code = error.code }
      const buffer = externalBuffers.allocate(1000)
      const built = { code, rss: memoryUsage().rss }
      require('node:v8').startupSnapshot.setDeserializeMainFunction(() => {
        const { method } = memoryUsage
        externalBuffers.track(new ArrayBuffer(500))
        const { count, bytes } = externalBuffers.usage()
        externalBuffers.release(buffer)
        const released = [buffer.length, externalBuffers.usage().bytes]
        const usage = memoryUsage()
        console.log(JSON.stringify({ built, method, rss: usage.rss, core: process.memoryUsage().rss, count, bytes, released }))
      })`,
    )
    const built = await runProcess(process.execPath, ['--snapshot-blob', blob, '--build-snapshot', script])
    assert.equal(built.code, 0, built.stderr)
    const { code, stdout, stderr } = await runProcess(process.execPath, ['--snapshot-blob', blob, 'main.js'])
    assert.equal(code, 0, stderr)
    const { rss, core, ...answer } = JSON.parse(stdout)
    assert.ok(answer.built.rss > 0)
    delete answer.built.rss
    assert.deepEqual(answer, {
      built: { code: 'ERR_MEMUSAGE_UNSUPPORTED' },
      method: { rss: 'node', v8: 'none', arrayBuffers: 'none' },
      count: 2,
      bytes: 1500,
      released: [0, 500],
    })
    assert.ok(Math.abs(rss - core) < 8 * MIB)
  })
})
