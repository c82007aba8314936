'use strict'

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { inChild, MIB } = require('./helpers/child')

/**
 * Starts and ends workers, eight at a time, every second one by terminate(), and looks at the process after each
 * quarter of them. Runs in a child.
 */
async function comeAndGo(count) {
  const { Worker } = require('node:worker_threads')
  const { readdirSync } = require('node:fs')
  const { memoryUsage, rssBreakdown, trim } = require('./index.js')
  const script = `
    const { workerData, parentPort } = require('node:worker_threads')
    const usage = require(workerData.load).memoryUsage()
    if (!(usage.rss > 0 && usage.heapUsed > 0)) throw new Error('no figures: ' + JSON.stringify(usage))
    parentPort.postMessage('measured')
    if (workerData.stay) setInterval(() => {}, 1e6)`
  const oneWorker = (index) =>
    new Promise((resolve, reject) => {
      const stay = index % 2 === 0
      const worker = new Worker(script, {
        eval: true,
        workerData: { load: require.resolve('./index.js'), stay },
      })
      worker.on('error', reject).on('exit', resolve)
      if (stay) worker.on('message', () => worker.terminate())
    })
  const looks = []
  for (let quarter = 0; quarter < 4; quarter++) {
    let next = 0
    const lane = async () => {
      while (next < count / 4) await oneWorker(next++)
    }
    await Promise.all(Array.from({ length: 8 }, lane))
    global.gc()
    // V8 keeps pages of dead workers for a while, and glibc their arenas: both are known, and neither is a leak.
    trim()
    const pooled = rssBreakdown().parts.v8Pool
    looks.push({ rss: memoryUsage.rss() - pooled, descriptors: readdirSync('/proc/self/fd').length })
  }
  return looks
}

describe('worker threads', () => {
  it('1,000 of them load the package and end: descriptors and memory stay flat', async () => {
    const looks = await inChild(comeAndGo, { args: [1000] })
    const [first, , , last] = looks
    assert.equal(last.descriptors, first.descriptors)
    // 750 workers lie between, each of which takes some 7 MiB while it lives. Without the package they leave up to 13 MiB
    // on Node 26: arenas grow with chance. A leak of 64 KiB each would show.
    assert.ok(last.rss - first.rss < 32 * MIB, JSON.stringify(looks))
  })

  it('a second copy of the package in the same process answers too', async () => {
    const answer = await inChild(() => {
      const fs = require('node:fs')
      const path = require('node:path')
      const copy = fs.mkdtempSync(path.join(require('node:os').tmpdir(), 'rs-memusage-copy-'))
      require('./__test__/helpers/copy-package.js').copyPackage(copy)
      const one = require('./index.js').memoryUsage
      const two = require(copy).memoryUsage
      const answer = { distinct: one !== two, methods: [one.method, two.method], usages: [one(), two()] }
      fs.rmSync(copy, { recursive: true })
      return answer
    })
    assert.equal(answer.distinct, true)
    assert.deepEqual(answer.methods[0], answer.methods[1])
    const [one, two] = answer.usages
    assert.ok(Math.abs(one.rss - two.rss) < MIB)
    // The first call of each allocates, and may cause a collection.
    assert.ok(Math.abs(one.heapTotal - two.heapTotal) <= 4 * MIB)
    assert.ok(Math.abs(one.arrayBuffers - two.arrayBuffers) <= MIB)
  })

  it('loading the package again after deleting it from the cache answers, in main and in a worker', async () => {
    const reload = () => {
      const before = require('./index.js').memoryUsage
      for (const key of Object.keys(require.cache)) delete require.cache[key]
      const after = require('./index.js').memoryUsage
      const difference = Math.abs(before().heapTotal - after().heapTotal)
      return [before !== after, difference <= 4 * 1024 * 1024, after.method.v8]
    }
    assert.deepEqual(await inChild(reload), [true, true, 'verified'])
    const inWorker = await inChild(
      (body) =>
        new Promise((resolve, reject) => {
          const { Worker } = require('node:worker_threads')
          const script = `require('node:worker_threads').parentPort.postMessage((${body})())`
          new Worker(script, { eval: true }).on('message', resolve).on('error', reject)
        }),
      { args: [reload.toString()] },
    )
    assert.deepEqual(inWorker, [true, true, 'verified'])
  })
})
