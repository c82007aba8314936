'use strict'

const assert = require('node:assert/strict')
const { readFileSync } = require('node:fs')
const { join } = require('node:path')
const { describe, it } = require('node:test')
const { inChild, MIB, root, runProcess } = require('./helpers/child')
const { isMusl } = require('./helpers/libc')

/** A developer's machine, as a program there sees it. */
const flags = ['--require', join(__dirname, 'fixtures', 'on-a-mac.js')]

describe('on a system that the addon is not made for', () => {
  it('memoryUsage() answers through Node, and what is unknown is null', async () => {
    const answer = await inChild(
      () => {
        const { memoryUsage } = require('./index.js')
        const { atOneMoment } = require('./__test__/helpers/one-moment.js')
        return {
          method: memoryUsage.method,
          ...atOneMoment(memoryUsage),
          limit: require('node:v8').getHeapStatistics().heap_size_limit,
          rss: memoryUsage.rss(),
          peak: memoryUsage.peakRss(),
          reset: memoryUsage.resetPeakRss(),
          files: require('node:fs').readdirSync('/proc/self/fd').length,
        }
      },
      { flags },
    )
    assert.deepEqual(answer.method, { rss: 'node', v8: 'none', arrayBuffers: 'none' })
    assert.ok(Math.abs(answer.ours.rss - answer.core.rss) < MIB)
    assert.ok(Math.abs(answer.rss - answer.core.rss) < MIB)
    assert.equal(answer.ours.heapTotal, answer.core.heapTotal)
    assert.equal(answer.ours.external, answer.core.external)
    assert.equal(answer.ours.arrayBuffers, answer.core.arrayBuffers)
    assert.equal(answer.ours.heapLimit, answer.limit)
    assert.equal(answer.peak, null)
    assert.equal(answer.reset, false)
  })

  it('footprint() says that it cannot measure', async () => {
    const errors = await inChild(
      () => {
        const { footprint } = require('./index.js')
        return [undefined, 1, 'x'].map((pid) => {
          try {
            return footprint(pid)
          } catch ({ code, message }) {
            return { code, message }
          }
        })
      },
      { flags },
    )
    const unsupported = {
      code: 'ERR_MEMUSAGE_UNSUPPORTED',
      message: 'the footprint of a process cannot be had: it measures on Linux alone, and this is darwin',
    }
    assert.deepEqual(errors.slice(0, 2), [unsupported, unsupported])
    assert.equal(errors[2].code, 'ERR_INVALID_ARG_TYPE')
  })

  it('a swapped-in process.memoryUsage does not call itself', async () => {
    const usage = await inChild(
      () => {
        process.memoryUsage = require('./index.js').memoryUsage
        return [process.memoryUsage().rss, process.memoryUsage.rss()]
      },
      { flags },
    )
    assert.ok(Math.abs(usage[0] - usage[1]) < MIB && usage[0] > 0)
  })

  it('externalBuffers counts by finalizers and measures nothing', async () => {
    const { usage, released } = await inChild(
      () => {
        const { externalBuffers } = require('./index.js')
        const buffer = externalBuffers.allocate(100000, { label: 'x' }).fill(1)
        globalThis.kept = externalBuffers.track(new ArrayBuffer(1000))
        const usage = externalBuffers.usage()
        externalBuffers.release(buffer)
        return { usage, released: [buffer.length, externalBuffers.usage().bytes] }
      },
      { flags },
    )
    assert.deepEqual([usage.method, usage.count, usage.bytes, usage.resident], ['finalizer', 2, 101000, null])
    assert.deepEqual(released, [0, 1000])
  })

  it('trim() tries nothing and says null', async () => {
    const answer = await inChild(() => require('./index.js').trim(), { flags })
    assert.deepEqual(answer, { before: null, after: null, released: null, allocator: null })
  })
})

/** What a program is told where no addon is loaded; prints it. */
const ASK = `
  const { memoryUsage, rssBreakdown, supported } = require(${JSON.stringify(root)})
  let code
  try { rssBreakdown() } catch (error) { code = error.code }
  const isLoaded = () => require('node:fs').readFileSync('/proc/self/maps', 'latin1').includes('rs-memusage.')
  const answer = { method: memoryUsage.method, rss: memoryUsage().rss, core: process.memoryUsage().rss, code, supported }
  console.log(JSON.stringify({ ...answer, isFrozen: Object.isFrozen(supported), isLoaded: isLoaded() }))`

/** The option was called otherwise before Node 24. */
const PERMISSION = process.allowedNodeEnvironmentFlags.has('--permission')
  ? '--permission'
  : '--experimental-permission'

describe('where no addon is loaded', () => {
  for (const [where, flags, reason] of [
    [
      'on macOS',
      ['--require', join(__dirname, 'fixtures', 'on-a-mac.js')],
      /Linux alone, and this is darwin/,
    ],
    [
      'on Windows',
      ['--require', join(__dirname, 'fixtures', 'on-windows.js')],
      /Linux alone, and this is win32/,
    ],
    ['with --no-addons', ['--no-addons'], /may load no addons/],
    ['with --permission', [PERMISSION, '--allow-fs-read=*'], /may load no addons/],
  ]) {
    it(`require works ${where}, answers by Node, and tells what it cannot`, async () => {
      const { stdout, stderr } = await runProcess(process.execPath, [...flags, '-e', ASK])
      assert.notEqual(stdout, '', stderr)
      const answer = JSON.parse(stdout)
      assert.deepEqual(answer.method, { rss: 'node', v8: 'none', arrayBuffers: 'none' })
      assert.ok(Math.abs(answer.rss - answer.core) < 8 * MIB)
      assert.equal(answer.code, 'ERR_MEMUSAGE_UNSUPPORTED')
      assert.deepEqual([answer.isFrozen, answer.isLoaded], [true, false])
      const { reason: told, ...features } = answer.supported
      assert.match(told, reason)
      assert.deepEqual(new Set(Object.values(features)), new Set([false]))
    })
  }

  it('supported says yes to everything where the addon is loaded', async () => {
    const { stdout } = await runProcess(process.execPath, ['-e', ASK])
    const { code, method, supported, isLoaded } = JSON.parse(stdout)
    assert.deepEqual([code, method.rss, isLoaded], [undefined, 'statm', true])
    const { reason, ...features } = supported
    assert.equal(reason, null)
    const missing = Object.keys(features).filter((name) => features[name] !== true)
    assert.deepEqual(missing, isMusl ? ['trim'] : []) // musl's malloc takes no order to give memory back
    const declared = readFileSync(join(root, 'index.d.ts'), 'utf8').match(/interface Supported \{.*?\n\}/s)[0]
    const names = [...declared.matchAll(/readonly (\w+):/g)].map(([, name]) => name)
    assert.deepEqual(Object.keys(supported).sort(), names.sort())
  })
})
