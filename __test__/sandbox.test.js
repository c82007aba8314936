'use strict'

// Seccomp filters as services and containers have them. `@system-service` of systemd kills for `mincore`.

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { inChild, MIB } = require('./helpers/child')
const { isMusl } = require('./helpers/libc')

/** All that we call and that a profile may forbid. */
const CALLS = [
  'mincore',
  'process_vm_readv',
  'memfd_create',
  'pwritev',
  'get_robust_list',
  'ioctl',
  'prlimit64',
]

/** With musl a search alone tells whose Buffers are. */
const WITH_MUSL = { deep: isMusl }

/** Loads the package under a filter and uses it. Runs in a child: a filter is for life. */
async function underFilter(calls, action, { loadsFirst = false, deep }) {
  const { constants } = require('node:os')
  const addon = require('./__test__/helpers/test-addon.js')
  const { status } = require('./__test__/helpers/kernel.js')
  // Blocks with a mapping of their own, which only their headers tell from other memory, and objects in V8's pages.
  globalThis.held = Array.from({ length: 12 }, () => Buffer.alloc(8 << 20, 1))
  globalThis.heap = Array.from({ length: 400_000 }, (_, index) => ({ index, text: `${index}` }))
  const forbid = () => addon.forbid(calls, action === 'kill' ? undefined : constants.errno[action])
  if (loadsFirst) require('./index.js').rssBreakdown()
  forbid()
  let ended = 0
  process.on('SIGCHLD', () => ended++)
  const { externalBuffers, memoryUsage, rssBreakdown, workerRss } = require('./index.js')
  const usage = memoryUsage()
  const breakdown = rssBreakdown()
  const rss = status('VmRSS')
  const threads = workerRss({ deep }).threads
  externalBuffers.track(globalThis.held[0])
  const { count } = externalBuffers.usage()
  await new Promise((resolve) => setTimeout(resolve, 50))
  const own = threads.find(({ threadId }) => threadId === 0)
  return { usage, breakdown, rss, own, count, ended, method: memoryUsage.method }
}

function assertTells({ usage, breakdown, rss, own, count, ended, method }, { knowsStacks = true } = {}) {
  const { parts } = breakdown
  assert.ok(Math.abs(usage.rss - rss) < 32 * MIB)
  assert.equal(method.v8, 'verified')
  assert.ok(Math.abs(breakdown.rss - rss) < Math.max(rss * 0.01, 2 * MIB), `${breakdown.rss}, kernel ${rss}`)
  const known = parts.nativeHeap + (knowsStacks ? 0 : parts.other)
  assert.ok(Math.abs(known - 96 * MIB) < 12 * MIB, `nativeHeap ${parts.nativeHeap}`)
  assert.ok(parts.v8Heap >= usage.heapUsed * 0.9, `v8Heap ${parts.v8Heap} of ${usage.heapUsed}`)
  assert.ok(parts.v8Pool < 4 * MIB, `v8Pool ${parts.v8Pool}`)
  assert.ok(parts.other < Math.max(rss * 0.02, 4 * MIB), `other ${parts.other}`)
  assert.ok(own.rss > 100 * MIB, `main thread ${own.rss}`)
  assert.equal(count, 1)
  assert.equal(ended, 0, 'nobody hears of the child that tries')
}

describe('a sandbox', () => {
  for (const call of CALLS) {
    it(`that kills for ${call} is survived, and told the truth in (review B.0)`, async () => {
      assertTells(await inChild(underFilter, { args: [[call], 'kill', WITH_MUSL] }))
    })

    it(`that refuses ${call} is told the truth in (review B.0, A.10)`, async () => {
      for (const errno of ['EPERM', 'ENOSYS']) {
        assertTells(await inChild(underFilter, { args: [[call], errno, WITH_MUSL] }))
      }
    })
  }

  it('that kills for all of them is survived (review B.0)', async () => {
    const answer = await inChild(underFilter, { args: [CALLS, 'kill', WITH_MUSL] })
    assertTells(answer)
    assert.equal(answer.breakdown.method.residency, 'pagemap')
  })

  it('that is entered after a look is noticed by the next one', async () => {
    assertTells(await inChild(underFilter, { args: [CALLS, 'kill', { ...WITH_MUSL, loadsFirst: true }] }))
    assertTells(await inChild(underFilter, { args: [CALLS, 'EPERM', { ...WITH_MUSL, loadsFirst: true }] }))
  })

  it('that kills for mincore kills who calls it, or this shows nothing', async () => {
    await assert.rejects(
      inChild(() => {
        const addon = require('./__test__/helpers/test-addon.js')
        addon.forbid(['mincore'])
        addon.callMincore()
      }),
      /signal SIGSYS/,
    )
  })
})
