'use strict'

// What older kernels lack, tried on this one: RS_MEMUSAGE_NO_PAGEMAP_SCAN=1 looks as before Linux 6.7. The kernels
// themselves are booted by scripts/kernels.mjs.

const assert = require('node:assert/strict')
const { mkdtempSync, rmSync, truncateSync, writeFileSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { describe, it } = require('node:test')
const { inChild, MIB } = require('./helpers/child')

const BEFORE_6_7 = { RS_MEMUSAGE_NO_PAGEMAP_SCAN: '1' }

/** Runs `prepare` in a child and looks several times, each time beside what the kernel says and a reading of smaps. */
function looksBeside(prepare, options) {
  const body = `async (...args) => {
    const { rssBreakdown } = require('./index.js')
    const { readFileSync } = require('node:fs')
    const { smapsRollup } = require('./__test__/helpers/kernel.js')
    await (${prepare})(...args)
    const looks = []
    const micros = (work) => {
      const start = process.hrtime.bigint()
      work()
      return Number(process.hrtime.bigint() - start) / 1000
    }
    rssBreakdown() // the first call compiles, and finds out what works here
    for (let round = 0; round < 11; round++) {
      const before = smapsRollup('Rss')
      let breakdown
      const look = micros(() => { breakdown = rssBreakdown() })
      const after = smapsRollup('Rss')
      const smaps = micros(() => readFileSync('/proc/self/smaps'))
      looks.push({ breakdown, look, smaps, before, after })
    }
    return looks
  }`
  return inChild(body, options)
}

function assertRight(looks) {
  for (const { breakdown, before, after } of looks) {
    const { rss, parts } = breakdown
    assert.equal(
      Object.values(parts).reduce((sum, bytes) => sum + bytes, 0),
      rss,
    )
    const tolerance = Math.max(after * 0.01, MIB)
    const isBetween = rss >= Math.min(before, after) - tolerance && rss <= Math.max(before, after) + tolerance
    assert.ok(isBetween, `${rss}, smaps says ${before} and ${after}`)
    assert.ok(parts.other <= rss * 0.01, JSON.stringify(parts))
  }
}

/** How much cheaper than a reading of smaps a look is, by medians. */
function timesCheaper(looks) {
  const median = (name) => looks.map((look) => look[name]).toSorted((one, another) => one - another)[5]
  return median('smaps') / median('look')
}

function readZeros() {
  globalThis.kept = Array.from({ length: 16 }, () => Buffer.alloc(8 * 1024 * 1024, 1))
  globalThis.zeros = new Uint8Array(64 * 1024 * 1024)
  globalThis.sum = 0
  for (let at = 0; at < zeros.length; at += 4096) sum += zeros[at]
}

describe('rssBreakdown() on kernels before 6.7', () => {
  it('leaves out arrays that were read and never written, by the page tables', async () => {
    const looks = await looksBeside(readZeros, { env: BEFORE_6_7 })
    assertRight(looks)
    for (const { breakdown } of looks) assert.equal(breakdown.method.residency, 'pagemap')
  })

  it('does not go through a file page by page, however much of it a database maps', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rs-memusage-vast-'))
    try {
      const path = join(folder, 'data.mdb')
      writeFileSync(path, Buffer.alloc(8 * MIB, 1))
      truncateSync(path, 1024 * 1024 * MIB)
      const looks = await looksBeside(
        (path, bytes) => require('./__test__/helpers/test-addon.js').mapStartOfFile(path, bytes),
        { env: BEFORE_6_7, args: [path, 8 * MIB] },
      )
      assertRight(looks)
      for (const { breakdown } of looks) {
        // Linux maps what lies around a page that is read.
        const { mappedFiles } = breakdown.parts
        assert.ok(mappedFiles >= 8 * MIB && mappedFiles < 10 * MIB, `${mappedFiles}`)
      }
      // Page by page it would be a thousandth: whatever else the machine does is less than that.
      assert.ok(timesCheaper(looks) > 0.02, `${timesCheaper(looks)}`)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('beside a forked child, which shares its memory, asks smaps where mincore is forbidden', async () => {
    const looks = await inChild(
      () => {
        const { rssBreakdown } = require('./index.js')
        const { callBesideFork } = require('./__test__/helpers/test-addon.js')
        globalThis.kept = Array.from({ length: 16 }, () => Buffer.alloc(8 * 1024 * 1024, 1))
        const looks = []
        callBesideFork(() => {
          for (let count = 0; count < 3; count++) looks.push(rssBreakdown())
        })
        return looks
      },
      { env: { ...BEFORE_6_7, RS_MEMUSAGE_NO_MINCORE: '1' } },
    )
    for (const { rss, parts, method } of looks) {
      assert.equal(method.residency, 'smaps')
      assert.equal(method.malloc, 'estimated')
      assert.ok(parts.nativeHeap >= 128 * MIB, JSON.stringify(parts))
      assert.ok(parts.other <= rss * 0.01, JSON.stringify(parts))
    }
  })
})

describe('rssBreakdown() says what the kernel says', () => {
  it('beside arrays that were read and never written', async () => {
    assertRight(await looksBeside(readZeros))
  })

  for (const [kernel, env] of [
    ['this kernel', {}],
    ['kernels before 6.7', BEFORE_6_7],
  ]) {
    it(`with large arrays of small numbers, on ${kernel}`, async () => {
      const fill = () => {
        // Each number looks like a pointer, where a page might begin.
        globalThis.kept = Array.from({ length: 48 }, () => new Array(1024 * 1024).fill(0x7f42))
      }
      assertRight(await looksBeside(fill, { env }))
    })
  }
})
