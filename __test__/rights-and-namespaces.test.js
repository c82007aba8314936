'use strict'

// Processes whose `/proc` is another's: root's, or that of an outer PID namespace.

const assert = require('node:assert/strict')
const { chmodSync, mkdtempSync, rmSync, writeFileSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { after, before, describe, it } = require('node:test')
const { inChild, MIB } = require('./helpers/child')
const { isMusl } = require('./helpers/libc')

const notRoot = process.getuid() === 0 ? false : 'needs root'

describe('rights dropped', { skip: notRoot }, () => {
  let folder
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'rs-memusage-'))
    chmodSync(folder, 0o755)
    writeFileSync(join(folder, 'data'), Buffer.alloc(64 * MIB, 1))
  })
  after(() => rmSync(folder, { recursive: true }))

  /** Maps files and shares memory as nobody. Runs in a child. */
  function asNobody(file, loadsFirst) {
    const addon = require('./__test__/helpers/test-addon.js')
    const load = () => require('./index.js')
    if (loadsFirst) load()
    process.setgroups([])
    process.setgid(65534)
    process.setuid(65534)
    const { rssBreakdown } = load()
    const idle = rssBreakdown()
    addon.mapFile(file)
    addon.share(64 * 1024 * 1024)
    return { idle, loaded: rssBreakdown() }
  }

  function assertFound({ idle, loaded }) {
    const grown = (part) => loaded.parts[part] - idle.parts[part]
    assert.ok(Math.abs(grown('mappedFiles') - 64 * MIB) < MIB, `mappedFiles ${grown('mappedFiles')}`)
    assert.ok(Math.abs(grown('sharedMemory') - 64 * MIB) < MIB, `sharedMemory ${grown('sharedMemory')}`)
    assert.ok(Math.abs(grown('code')) < 2 * MIB, `code ${grown('code')}`)
    assert.ok(loaded.parts.other < 0.01 * loaded.rss, `other ${loaded.parts.other}`)
  }

  it('before the package is loaded: mapped files and shared memory are told from code (review A.7)', async () => {
    assertFound(await inChild(asNobody, { args: [join(folder, 'data'), false] }))
  })

  it('after it was loaded: the same, by the page tables that were opened before', async () => {
    assertFound(await inChild(asNobody, { args: [join(folder, 'data'), true] }))
  })
})

describe('a PID namespace with the /proc of the outer one', { skip: notRoot }, () => {
  it('has threads with memory and names, and answers for the calling one (review A.14)', async () => {
    const answer = await inChild(
      async (deep) => {
        const { readlinkSync } = require('node:fs')
        const { setTimeout: sleep } = require('node:timers/promises')
        const { Worker } = require('node:worker_threads')
        const { footprint, rssBreakdown, workerRss } = require('./index.js')
        globalThis.held = Array.from({ length: 8 }, () => Buffer.alloc(8 << 20, 1))
        const script = `
          require('./index.js')
          globalThis.held = Array.from({ length: 300_000 }, (_, index) => ({ index }))
          require('node:worker_threads').parentPort.postMessage('ready')
          setInterval(() => {}, 1000)`
        const worker = new Worker(script, { eval: true, name: 'holder' })
        await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
        const usage = process.memoryUsage()
        let bills = workerRss({ waitMs: 1000, deep })
        // It has just said that it is ready, and may still be blocked for a moment: by those who help it to collect.
        const isIdle = () => bills.threads.find(({ threadId }) => threadId === 1).state === 'idle'
        for (let tries = 0; tries < 100 && !isIdle(); tries++) {
          await sleep(20)
          bills = workerRss({ waitMs: 1000, deep })
        }
        const answer = {
          isOuter: Number(readlinkSync('/proc/self')) !== process.pid,
          bills,
          self: workerRss.self(),
          breakdown: rssBreakdown(),
          footprint: footprint(process.pid),
          usage,
        }
        await worker.terminate()
        return answer
      },
      // With musl a search alone tells whose Buffers are.
      { args: [isMusl], shell: 'exec unshare --pid --fork "$0" "$@"' },
    )
    assert.equal(answer.isOuter, true, '/proc must be the outer one, or this shows nothing')
    const { threads, shared, rss } = answer.bills
    const main = threads.find(({ kind }) => kind === 'main')
    const worker = threads.find(({ threadId }) => threadId === 1)
    assert.ok(main.threadId === 0 && main.rss > 64 * MIB, `main ${main.rss}`)
    assert.ok(worker.kind === 'worker' && worker.v8Heap > 8 * MIB, `worker ${worker.v8Heap}`)
    assert.equal(worker.state, 'idle')
    assert.ok(threads.filter(({ kind, stack }) => kind === 'runtime' && stack > 0).length >= 4)
    assert.ok(shared < 0.7 * rss, `shared ${shared} of ${rss}`)
    assert.equal(answer.self.threadId, 0)
    assert.ok(answer.breakdown.parts.stacks > 0)
    assert.equal(answer.breakdown.method.v8, 'verified')
    assert.ok(Math.abs(answer.footprint.pss - rss) < 0.5 * rss)
  })
})
