'use strict'

const assert = require('node:assert/strict')
const { join } = require('node:path')
const { describe, it } = require('node:test')
const { inChild, MIB, root } = require('./helpers/child')

// The same addon, built as it is on a system that we cannot measure.
const env = { RS_MEMUSAGE_NATIVE_PATH: join(root, 'target', 'unsupported', 'rs-memusage.node') }

describe('on a platform without support', () => {
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
      { env },
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
      { env },
    )
    const unsupported = {
      code: 'ERR_MEMUSAGE_UNSUPPORTED',
      message: 'the footprint of a process cannot be measured on this platform',
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
      { env },
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
      { env },
    )
    assert.deepEqual([usage.method, usage.count, usage.bytes, usage.resident], ['finalizer', 2, 101000, null])
    assert.deepEqual(released, [0, 1000])
  })

  it('trim() tries nothing and says null', async () => {
    const answer = await inChild(() => require('./index.js').trim(), { env })
    assert.deepEqual(answer, { before: null, after: null, released: null, allocator: null })
  })
})
