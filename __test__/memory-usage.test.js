'use strict'

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const v8 = require('node:v8')
const { Worker } = require('node:worker_threads')
const { memoryUsage } = require('..')
const { inChild, MIB, root } = require('./helpers/child')
const { pageSize, smapsRollup } = require('./helpers/kernel')

const KEYS = ['rss', 'heapTotal', 'heapUsed', 'external', 'arrayBuffers', 'heapLimit']

/** Compares ours with Node's own, in this thread and this process. */
function compareWithCore() {
  const { memoryUsage } = require('./index.js')
  const { atOneMoment } = require('./__test__/helpers/one-moment.js')
  const compare = () => {
    const limit = require('node:v8').getHeapStatistics().heap_size_limit
    return { ...atOneMoment(memoryUsage), limit, method: memoryUsage.method }
  }
  compare() // the first call compiles
  return compare()
}

function assertAgrees({ ours, core, limit }) {
  assert.deepEqual(Object.keys(ours), KEYS)
  // Core reads an approximate counter: off by up to 64 pages per CPU or thread. 0.5 % of a small process is less.
  assert.ok(
    Math.abs(ours.rss - core.rss) <= Math.max(core.rss * 0.005, 256 * pageSize()),
    `rss ${ours.rss} against ${core.rss}`,
  )
  assert.equal(ours.heapTotal, core.heapTotal)
  assert.equal(ours.heapLimit, limit)
  assert.equal(ours.external, core.external)
  assert.equal(ours.arrayBuffers, core.arrayBuffers)
  // Between the two readings lie the objects that they return.
  assert.ok(Math.abs(ours.heapUsed - core.heapUsed) < 64 * 1024, `${ours.heapUsed} against ${core.heapUsed}`)
}

/** Other threads free memory at any time, so theirs is taken between two of ours. */
function assertBetween(before, theirs, after) {
  const tolerance = Math.max(theirs * 0.005, 256 * pageSize())
  assert.ok(theirs >= Math.min(before, after) - tolerance, `${theirs} is below ${before} and ${after}`)
  assert.ok(theirs <= Math.max(before, after) + tolerance, `${theirs} is above ${before} and ${after}`)
}

describe('memoryUsage()', () => {
  it('agrees with process.memoryUsage() and v8.getHeapStatistics() in the same tick', async () => {
    const answer = await inChild(compareWithCore)
    assert.deepEqual(answer.method, { rss: 'statm', v8: 'verified', arrayBuffers: 'verified' })
    assertAgrees(answer)
  })

  it('agrees just as well without V8 symbols', async () => {
    const answer = await inChild(compareWithCore, { env: { RS_MEMUSAGE_NO_V8: '1' } })
    assert.deepEqual(answer.method, { rss: 'statm', v8: 'none', arrayBuffers: 'none' })
    assertAgrees(answer)
  })

  it('agrees inside a worker', async () => {
    const answer = await new Promise((resolve, reject) => {
      const script = `
        const { createRequire } = require('node:module')
        const inPackage = createRequire(${JSON.stringify(`${root}/index.js`)})
        require('node:worker_threads').parentPort.postMessage((${compareWithCore
          .toString()
          .replaceAll('require(', 'inPackage(')})())`
      new Worker(script, { eval: true }).on('message', resolve).on('error', reject)
    })
    assert.equal(answer.method.v8, 'verified')
    assertAgrees(answer)
  })

  it('agrees with the kernel to 0.5 % or 1 MiB', () => {
    assertBetween(memoryUsage().rss, smapsRollup('Rss'), memoryUsage().rss)
  })

  it('counts 64 MiB of touched buffer in rss, external and arrayBuffers', async () => {
    const [before, after] = await inChild(() => {
      const { memoryUsage } = require('./index.js')
      const before = memoryUsage()
      globalThis.kept = Buffer.alloc(64 * 1024 * 1024, 1)
      return [before, memoryUsage()]
    })
    // A background thread may give a little back meanwhile; the page tables of the buffer do not count.
    assert.ok(Math.abs(after.rss - before.rss - 64 * MIB) < 8 * MIB, `rss +${after.rss - before.rss}`)
    // But for small ones that a collection took away meanwhile.
    assert.ok(Math.abs(after.arrayBuffers - before.arrayBuffers - 64 * MIB) < 2 * MIB)
    assert.ok(after.external - before.external >= 64 * MIB)
  })

  it('counts 64 MiB of objects in heapUsed and heapTotal', async () => {
    const [before, after] = await inChild(() => {
      const { memoryUsage } = require('./index.js')
      const before = memoryUsage()
      globalThis.kept = Array.from({ length: 64 }, () => new Array(131072).fill(1.5)) // 8 bytes an element
      return [before, memoryUsage()]
    })
    assert.ok(after.heapUsed - before.heapUsed > 63 * MIB)
    assert.ok(after.heapTotal - before.heapTotal > 63 * MIB)
  })

  it('ignores arguments, as process.memoryUsage() does', () => {
    assert.deepEqual(Object.keys(memoryUsage(1)), KEYS)
    assert.equal(typeof memoryUsage.rss('x'), 'number')
  })

  it('returns a new object with numbers at every call', () => {
    const first = memoryUsage()
    const second = memoryUsage()
    assert.notEqual(first, second)
    for (const key of KEYS) assert.ok(Number.isSafeInteger(first[key]) && first[key] > 0, key)
  })

  it('says where V8 gives up', async () => {
    const limit = await inChild(() => require('./index.js').memoryUsage().heapLimit, {
      flags: ['--max-old-space-size=300'],
    })
    // V8 adds its young generation to the old space that was asked for: by 192 MiB at most.
    assert.ok(limit >= 300 * MIB && limit < 600 * MIB, String(limit))
    assert.equal(memoryUsage().heapLimit, v8.getHeapStatistics().heap_size_limit)
  })
})

describe('memoryUsage.rss()', () => {
  it('agrees with process.memoryUsage.rss() and with the kernel', () => {
    assertBetween(memoryUsage.rss(), smapsRollup('Rss'), memoryUsage.rss())
    assertBetween(memoryUsage.rss(), process.memoryUsage.rss(), memoryUsage.rss())
  })
})

describe('process.memoryUsage = memoryUsage', () => {
  it('is a valid swap, with rss, and survives loading the package again', async () => {
    const answer = await inChild(() => {
      const { memoryUsage } = require('./index.js')
      process.memoryUsage = memoryUsage
      for (const key of Object.keys(require.cache)) delete require.cache[key]
      const again = require('./index.js').memoryUsage
      return {
        swapped: process.memoryUsage(),
        rss: process.memoryUsage.rss(),
        again: again(),
        method: again.method,
      }
    })
    assert.deepEqual(Object.keys(answer.swapped), KEYS)
    assert.equal(answer.method.v8, 'verified')
    assert.ok(Math.abs(answer.rss - answer.swapped.rss) < 4 * MIB)
    assert.ok(Math.abs(answer.again.rss - answer.rss) < 4 * MIB)
  })
})
