'use strict'

// Memory that the kernel counts otherwise, or lets nobody read as usual.

const assert = require('node:assert/strict')
const { constants, accessSync, readFileSync, writeFileSync } = require('node:fs')
const { errno } = require('node:os').constants
const { describe, it } = require('node:test')
const { inChild, MIB } = require('./helpers/child')
const { isMusl, needsGlibc } = require('./helpers/libc')

const HUGE_PAGES = '/proc/sys/vm/nr_hugepages'

/** Why nobody can ask for huge pages here, or false. */
function withoutHugePages() {
  try {
    accessSync(HUGE_PAGES, constants.R_OK | constants.W_OK)
    return false
  } catch ({ code }) {
    return `huge pages need root and a kernel that has them (${code})`
  }
}

/** glibc takes huge pages for malloc from 2.35 on. */
function withoutHugeMalloc() {
  if (isMusl) return needsGlibc('its malloc takes huge pages').skip
  const { glibcVersionRuntime: version } = process.report.getReport().header
  const [major, minor] = version.split('.').map(Number)
  return major > 2 || (major === 2 && minor >= 35) ? false : `malloc takes no huge pages (glibc ${version})`
}

/** Runs `work` while there are so many huge pages more. Memory may be in too small pieces for that. */
async function withHugePages(t, count, work) {
  const allowed = () => Number(readFileSync(HUGE_PAGES, 'latin1'))
  const before = allowed()
  writeFileSync(HUGE_PAGES, `${before + count}`)
  try {
    const more = allowed() - before
    if (more < count) return t.skip(`the kernel found memory for ${more} of ${count} huge pages`)
    await work()
  } finally {
    writeFileSync(HUGE_PAGES, `${before}`)
  }
}

/** The reason where the kernel has no such memory, or does not let this user have it; any other error is a failure. */
function refused(what, error) {
  assert.ok([errno.ENOSYS, errno.EPERM].includes(error), `${what}: error ${error}`)
  return `this kernel gives this user no ${what}`
}

describe('odd memory', () => {
  const skip = withoutHugePages()
  it('of hugetlbfs is in no resident set, the kernel has none there either (review A.5)', { skip }, (t) =>
    withHugePages(t, 64, async () => {
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
    }),
  )

  const skipMalloc = skip || withoutHugeMalloc()
  it('of malloc in hugetlbfs is in no part (review A.16)', { skip: skipMalloc }, (t) =>
    withHugePages(t, 96, async () => {
      const { breakdown, rss, huge } = await inChild(
        () => {
          const { status } = require('./__test__/helpers/kernel.js')
          const { rssBreakdown } = require('./index.js')
          globalThis.held = Array.from({ length: 8 }, () => Buffer.alloc(8 << 20, 1))
          return { breakdown: rssBreakdown(), rss: status('VmRSS'), huge: status('HugetlbPages') }
        },
        { env: { GLIBC_TUNABLES: 'glibc.malloc.hugetlb=2' } },
      )
      assert.ok(huge >= 64 * MIB, `${huge} in huge pages, and this shows nothing`)
      assert.ok(Math.abs(breakdown.rss - rss) < 2 * MIB, `${breakdown.rss}, kernel ${rss}`)
      assert.ok(breakdown.parts.mappedFiles < 4 * MIB, `mappedFiles ${breakdown.parts.mappedFiles}`)
    }),
  )

  it('of memfd_secret is shared memory (review A.16)', async (t) => {
    const answer = await inChild(() => {
      const addon = require('./__test__/helpers/test-addon.js')
      const { status } = require('./__test__/helpers/kernel.js')
      const { rssBreakdown } = require('./index.js')
      const idle = rssBreakdown()
      const error = addon.mapSecret(4 << 20)
      return error ? { error } : { idle, loaded: rssBreakdown(), rss: status('VmRSS') }
    })
    if (answer.error) return t.skip(refused('memfd_secret', answer.error))
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
      const error = addon.mapUnserved()
      if (error) return { error }
      const looks = [rssBreakdown(), rssBreakdown({ regions: true }), workerRss(), workerRss({ deep: true })]
      return { sizes: looks.map(({ rss }) => rss) }
    })
    if (answer.error) return t.skip(refused('userfaultfd', answer.error))
    assert.equal(answer.sizes.length, 4)
    for (const rss of answer.sizes) assert.ok(rss > 0)
  })
})
