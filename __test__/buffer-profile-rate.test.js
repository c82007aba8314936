'use strict'

// How often a profile of buffers samples, what it says of that, and of how much it saw.

const assert = require('node:assert/strict')
const { beforeEach, describe, it } = require('node:test')
const { profile } = require('../lib/buffer-profile')
const { inChild, MIB } = require('./helpers/child')
const { collectUntil } = require('./helpers/collect')

describe('the rate of a buffer profile', () => {
  it('becomes coarser where samples would take more of the time, and sums by site stay unbiased', async () => {
    // A clock of our own: an allocation takes 10 µs and a sample 100, so that at most a fifth of the time for samples
    // means one sample in 40 allocations or more, some 40 KB, where one in 2 KB was asked for.
    const { sites, sampling, expected } = await inChild(() => {
      let clock = 0
      performance.now = () => {
        clock += 0.1
        return clock
      }
      const { profile } = require('./lib/buffer-profile')
      const held = []
      const makers = {
        small: () => held.push(new Uint8Array(500)),
        middle: () => held.push(new ArrayBuffer(1500)),
        large: () => held.push(Buffer.allocUnsafeSlow(20_000)),
      }
      const counts = { small: 60_000, middle: 40_000, large: 2000 }
      const bytes = { small: 500, middle: 1500, large: 20_000 }
      profile.start({ sampleBytes: 2048, maxTimeShare: 0.2 })
      for (let turn = 0; turn < 2000; turn++) {
        for (const [name, make] of Object.entries(makers)) {
          for (let times = 0; times < counts[name] / 2000; times++) {
            make()
            clock += 0.01
          }
        }
      }
      const { sites, sampling } = profile.stop()
      const expected = Object.keys(makers).map((name) => [name, counts[name] * bytes[name]])
      return { sites, sampling, expected }
    })
    assert.ok(sampling.coarsestSampleBytes > 10 * 2048, JSON.stringify(sampling))
    assert.ok(sampling.coarsestSampleBytes < 400 * 2048, JSON.stringify(sampling))
    assert.equal(sampling.maxTimeShare, 0.2)
    for (const [name, bytes] of expected) {
      const found = sites
        .filter(({ stack }) => stack.some((frame) => frame.includes(`${name} (`)))
        .reduce((sum, site) => sum + site.bytes, 0)
      // 30 MB and more in samples of some 50 KB: a standard error of 4 %. Weighed by the rate that was asked for it
      // would be a twentieth of the truth.
      assert.ok(Math.abs(found - bytes) < bytes / 5, `${name}: ${found} of ${bytes}`)
    }
  })

  it('returns to what was asked for when there is time again', async () => {
    const rates = await inChild(() => {
      let clock = 0
      performance.now = () => clock
      const { Pace } = require('./lib/profile/pace')
      const pace = new Pace({ sampleBytes: 1000, maxTimeShare: 0.02 })
      const rates = []
      for (const between of [1, 1000]) {
        for (let times = 0; times < 1000; times++) {
          clock += between
          const begun = pace.begin()
          clock += 0.2
          pace.end(begun)
        }
        rates.push(pace.sampleBytes)
      }
      return rates
    })
    assert.ok(rates[0] > 1e6, 'a sixth of the time, whatever the rate')
    assert.equal(rates[1], 1000)
  })

  it('is as fine as was asked for where nothing is said of time, and in a short profile', () => {
    const allocate = () => Array.from({ length: 2000 }, () => new ArrayBuffer(100))
    profile.start({ sampleBytes: 1 })
    const held = allocate()
    const { sampling, liveBytes } = profile.stop()
    assert.ok(sampling.samples >= held.length, 'Node may allocate, too')
    assert.deepEqual(
      [sampling.coarsestSampleBytes, sampling.maxTimeShare, liveBytes],
      [1, 1, held.length * 100],
    )
    assert.ok(sampling.timeShare > 0 && sampling.timeShare <= 1)
    profile.start()
    const { sampling: short, sampleBytes } = profile.stop()
    assert.deepEqual(
      [short.samples, short.coarsestSampleBytes, sampleBytes, short.maxTimeShare],
      [0, 524_288, 524_288, 0.02],
    )
  })

  it('takes a share of time from 0 to 1', () => {
    for (const maxTimeShare of [0, -1, 1.1, Number.NaN]) {
      assert.throws(() => profile.start({ maxTimeShare }), { code: 'ERR_OUT_OF_RANGE' })
    }
    assert.throws(() => profile.start({ maxTimeShare: '1' }), { code: 'ERR_INVALID_ARG_TYPE' })
  })
})

describe('the coverage of a buffer profile', () => {
  /** V8 forgets memory outside the heap some time after the collection, and when the next buffer is made. */
  beforeEach(async () => {
    for (let tries = 0; tries < 200 && process.memoryUsage().external > 24 * MIB; tries++) {
      globalThis.gc()
      await new Promise((resolve) => setTimeout(resolve, 10))
      assert.equal(new ArrayBuffer(1).byteLength, 1)
    }
  })

  it('is what is alive of the watched bytes, beside the growth of external memory', () => {
    profile.start()
    const held = Array.from({ length: 64 }, () => new Uint8Array(4 * MIB))
    const shared = new SharedArrayBuffer(64 * MIB)
    for (let times = 0; times < 16; times++) new ArrayBuffer(4 * MIB)
    globalThis.gc()
    const { coverage, liveBytes } = profile.stop()
    assert.ok(Math.abs(coverage.watchedBytes - 384 * MIB) < MIB, JSON.stringify(coverage))
    assert.ok(Math.abs(coverage.liveBytes - 256 * MIB) < 20 * MIB, 'one may be in a register')
    // V8 may go on to count the 64 MiB that it has freed until it allocates the next time.
    const growth = coverage.externalGrowthBytes
    assert.ok(growth > 236 * MIB && growth < 340 * MIB, JSON.stringify(coverage))
    assert.ok(Math.abs(coverage.share - coverage.liveBytes / growth) < 0.01, JSON.stringify(coverage))
    assert.ok(Math.abs(liveBytes - coverage.liveBytes - 64 * MIB) < MIB, 'shared memory has sites, too')
    assert.equal(held.length + shared.byteLength, 64 + 64 * MIB)
  })

  it('is small where memory comes from code that is not watched', () => {
    const Kept = ArrayBuffer
    profile.start()
    const unseen = Array.from({ length: 16 }, () => new Kept(8 * MIB))
    const seen = new ArrayBuffer(2 * MIB)
    const { coverage } = profile.stop()
    assert.ok(coverage.externalGrowthBytes >= 66 * MIB, JSON.stringify(coverage)) // less what V8 had yet to forget
    assert.ok(coverage.share < 0.05, JSON.stringify(coverage))
    assert.equal(unseen.length + seen.byteLength, 16 + 2 * MIB)
  })

  it('has no share where external memory did not grow', async () => {
    let before = Array.from({ length: 16 }, () => new ArrayBuffer(4 * MIB))
    const { external } = process.memoryUsage()
    profile.start()
    assert.equal(before.length, 16)
    before = null
    await collectUntil(() => process.memoryUsage().external < external - 32 * MIB)
    const { coverage } = profile.stop()
    assert.ok(coverage.externalGrowthBytes < 0, JSON.stringify(coverage))
    assert.equal(coverage.share, null)
  })
})
