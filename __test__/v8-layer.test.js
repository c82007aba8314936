'use strict'

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { inChild } = require('./helpers/child')

describe('the V8 layer', () => {
  it('is off in runtimes that only look like Node', async () => {
    for (const runtime of ['bun', 'deno', 'electron', 'nw']) {
      const answer = await inChild(
        (runtime) => {
          Object.defineProperty(process, 'versions', { value: { ...process.versions, [runtime]: '1.0.0' } })
          const { memoryUsage } = require('./index.js')
          const { atOneMoment } = require('./__test__/helpers/one-moment.js')
          return { method: memoryUsage.method, ...atOneMoment(memoryUsage) }
        },
        { args: [runtime] },
      )
      assert.deepEqual(answer.method, { rss: 'node', v8: 'none', arrayBuffers: 'none' }, runtime)
      assert.equal(answer.ours.heapTotal, answer.core.heapTotal, runtime)
    }
  })

  it('is refused when V8 says something else than its symbols do', async () => {
    const method = await inChild(() => {
      const v8 = require('node:v8')
      const { getHeapStatistics } = v8
      v8.getHeapStatistics = () => ({ ...getHeapStatistics(), heap_size_limit: 1 })
      return require('./index.js').memoryUsage.method
    })
    assert.deepEqual(method, { rss: 'statm', v8: 'none', arrayBuffers: 'none' })
  })

  it('asks Node for arrayBuffers alone when no word of its allocator agrees', async () => {
    const answer = await inChild(() => {
      const core = process.memoryUsage
      let lie = 1
      process.memoryUsage = () => {
        const usage = core()
        return { ...usage, arrayBuffers: usage.arrayBuffers + lie }
      }
      const { memoryUsage } = require('./index.js')
      lie = 0
      const { atOneMoment } = require('./__test__/helpers/one-moment.js')
      return { method: memoryUsage.method, ...atOneMoment(memoryUsage, core) }
    })
    assert.deepEqual(answer.method, { rss: 'statm', v8: 'verified', arrayBuffers: 'none' })
    assert.equal(answer.ours.arrayBuffers, answer.core.arrayBuffers)
    assert.equal(answer.ours.heapTotal, answer.core.heapTotal)
  })

  it('follows the count of array buffers through a million bytes up and down', async () => {
    const steps = await inChild(async () => {
      const { memoryUsage } = require('./index.js')
      let kept = []
      const agree = () => memoryUsage().arrayBuffers - process.memoryUsage().arrayBuffers
      const steps = [agree()]
      for (let size = 1; size < 1e6; size *= 7) kept.push(new ArrayBuffer(size), Buffer.alloc(size))
      steps.push(agree(), kept.length)
      kept = null
      global.gc()
      await new Promise((resolve) => setTimeout(resolve, 200)) // V8 frees array buffers in the background
      steps.push(agree())
      return steps
    })
    assert.deepEqual(steps, [0, 0, 16, 0])
  })
})
