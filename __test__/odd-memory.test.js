'use strict'

// Memory that the kernel counts otherwise, or lets nobody read as usual.

const assert = require('node:assert/strict')
const { readFileSync, writeFileSync } = require('node:fs')
const { describe, it } = require('node:test')
const { inChild, MIB } = require('./helpers/child')

const HUGE_PAGES = '/proc/sys/vm/nr_hugepages'

/** Runs `work` while there are so many huge pages more; `false` where the system does not let us have them. */
async function withHugePages(count, work) {
  let before
  try {
    before = Number(readFileSync(HUGE_PAGES, 'latin1'))
    writeFileSync(HUGE_PAGES, `${before + count}`)
  } catch {
    return false
  }
  try {
    if (Number(readFileSync(HUGE_PAGES, 'latin1')) < before + count) return false
    await work()
    return true
  } finally {
    writeFileSync(HUGE_PAGES, `${before}`)
  }
}

describe('odd memory', () => {
  it('of hugetlbfs is in no resident set, the kernel has none there either (review A.5)', async (t) => {
    const had = await withHugePages(64, async () => {
      const { idle, loaded, rss, mapped } = await inChild(() => {
        const addon = require('./__test__/helpers/test-addon.js')
        const { status } = require('./__test__/helpers/kernel.js')
        const { rssBreakdown } = require('./index.js')
        const idle = rssBreakdown()
        const mapped = addon.mapHuge(64 << 20) && addon.shareHuge(64 << 20)
        return { idle, mapped, loaded: rssBreakdown({ regions: true }), rss: status('VmRSS') }
      })
      assert.equal(mapped, true)
      assert.ok(Math.abs(loaded.rss - rss) < 2 * MIB, `${loaded.rss}, kernel ${rss}`)
      for (const part of ['mappedFiles', 'sharedMemory', 'other']) {
        assert.ok(Math.abs(loaded.parts[part] - idle.parts[part]) < MIB, `${part} ${loaded.parts[part]}`)
      }
    })
    if (!had) t.skip('the system has no huge pages to give')
  })

  it('of malloc in hugetlbfs is in no part (review A.16)', async (t) => {
    const had = await withHugePages(96, async () => {
      const { breakdown, rss, huge } = await inChild(
        () => {
          const { status } = require('./__test__/helpers/kernel.js')
          const { rssBreakdown } = require('./index.js')
          globalThis.held = Array.from({ length: 8 }, () => Buffer.alloc(8 << 20, 1))
          return { breakdown: rssBreakdown(), rss: status('VmRSS'), huge: status('HugetlbPages') }
        },
        { env: { GLIBC_TUNABLES: 'glibc.malloc.hugetlb=2' } },
      )
      if (huge < 64 * MIB) return t.skip('this libc takes no huge pages')
      assert.ok(Math.abs(breakdown.rss - rss) < 2 * MIB, `${breakdown.rss}, kernel ${rss}`)
      assert.ok(breakdown.parts.mappedFiles < 4 * MIB, `mappedFiles ${breakdown.parts.mappedFiles}`)
    })
    if (!had) t.skip('the system has no huge pages to give')
  })

  it('of memfd_secret is shared memory (review A.16)', async (t) => {
    const answer = await inChild(() => {
      const addon = require('./__test__/helpers/test-addon.js')
      const { status } = require('./__test__/helpers/kernel.js')
      const { rssBreakdown } = require('./index.js')
      const idle = rssBreakdown()
      if (!addon.mapSecret(4 << 20)) return null
      return { idle, loaded: rssBreakdown(), rss: status('VmRSS') }
    })
    if (answer === null) return t.skip('the kernel has no memfd_secret')
    const grown = (part) => answer.loaded.parts[part] - answer.idle.parts[part]
    assert.ok(Math.abs(answer.loaded.rss - answer.rss) < MIB)
    assert.ok(Math.abs(grown('sharedMemory') - 4 * MIB) < MIB / 4, `sharedMemory ${grown('sharedMemory')}`)
    assert.ok(Math.abs(grown('mappedFiles')) < MIB / 4, `mappedFiles ${grown('mappedFiles')}`)
  })

  for (const limit of [0, 1024, 2048, 65536]) {
    it(`is read under RLIMIT_FSIZE of ${limit}, and nothing dies of SIGXFSZ (review A.16)`, async () => {
      const { breakdown, usage } = await inChild(
        (limit) => {
          const addon = require('./__test__/helpers/test-addon.js')
          globalThis.heap = Array.from({ length: 600_000 }, (_, index) => ({ index, text: `${index}` }))
          addon.dieOfLongFiles()
          addon.limitFileSize(limit)
          const { memoryUsage, rssBreakdown } = require('./index.js')
          const answer = { breakdown: rssBreakdown(), usage: memoryUsage() }
          addon.limitFileSize(2 ** 40) // the answer may go to a file
          return answer
        },
        { args: [limit] },
      )
      assert.equal(breakdown.method.v8, 'verified')
      assert.ok(breakdown.parts.v8Pool < MIB / 4, `v8Pool ${breakdown.parts.v8Pool}`)
      assert.ok(breakdown.parts.v8Heap > 0.9 * usage.heapUsed)
    })
  }

  it('that somebody else serves is not read: no call waits for it (review B.5)', async (t) => {
    const answer = await inChild(() => {
      const addon = require('./__test__/helpers/test-addon.js')
      const { rssBreakdown, workerRss } = require('./index.js')
      rssBreakdown()
      if (!addon.mapUnserved()) return null
      return [rssBreakdown(), rssBreakdown({ regions: true }), workerRss(), workerRss({ deep: true })].map(
        ({ rss }) => rss,
      )
    })
    if (answer === null) return t.skip('the system has no userfaultfd')
    for (const rss of answer) assert.ok(rss > 0)
  })
})
