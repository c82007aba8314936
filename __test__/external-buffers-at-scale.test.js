'use strict'

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { inChild, MIB } = require('./helpers/child')
const { isMusl, needsGlibc } = require('./helpers/libc')

const glibc = needsGlibc("musl's malloc has no figures of itself")

/** What the engine does meanwhile; the amounts measured are at least eight times that. */
const NOISE = 8 * MIB

describe('a million tracked small buffers', () => {
  it('are counted, listed and measured to the byte, and cost nothing when they are gone (review C.2)', async () => {
    const { held, top, look, after, inUse } = await inChild(async () => {
      const { externalBuffers, rssBreakdown } = require('./index.js')
      const { collectUntil } = require('./__test__/helpers/collect.js')
      const inUse = () => rssBreakdown({ allocator: true }).nativeHeap.inUse
      const used = [inUse()]
      globalThis.kept = Array.from({ length: 1e6 }, (_, index) =>
        externalBuffers.track(new ArrayBuffer(64 + (index % 2)), { label: index % 4 ? 'most' : 'few' }),
      )
      const large = externalBuffers.track(new ArrayBuffer(1e6), { label: 'large' })
      const held = externalBuffers.usage()
      const top = externalBuffers.list({ top: 3 })
      const look = rssBreakdown().arrayBuffers
      used.push(inUse())
      globalThis.kept = null
      await collectUntil(() => externalBuffers.usage().count === 1)
      used.push(inUse())
      return { held, top, look, after: externalBuffers.usage(), inUse: used, large: large.byteLength }
    })
    const bytes = 64 * 1e6 + 5e5 + 1e6
    assert.deepEqual([held.count, held.bytes], [1e6 + 1, bytes])
    assert.deepEqual([held.labels.most.count, held.labels.few.count], [750_000, 250_000])
    assert.equal(held.labels.few.bytes, 250_000 * 64)
    // V8 fills new buffers with zeros, so all of the small ones are there; the large one was never written to.
    assert.equal(held.labels.most.resident, held.labels.most.bytes)
    assert.deepEqual(
      top.map(({ bytes }) => bytes),
      [1e6, 65, 65],
    )
    assert.equal(look.tracked, bytes)
    assert.equal(look.resident, held.resident)
    assert.deepEqual([after.count, after.bytes, after.freed.count], [1, 1e6, 1e6])
    if (isMusl) return assert.deepEqual(inUse, [null, null, null])
    // A record and the ways to it take some hundred bytes.
    assert.ok(inUse[1] - inUse[0] > 128 * MIB, `${inUse}`)
    assert.ok(inUse[2] - inUse[0] < 16 * MIB, `${inUse}`)
  })

  it('are in no list and in no look once they are dead, however many died at once', async () => {
    const { before, after, listed, looks } = await inChild(async () => {
      const { externalBuffers, rssBreakdown } = require('./index.js')
      const { collectUntil } = require('./__test__/helpers/collect.js')
      const tracked = () => rssBreakdown().arrayBuffers.tracked
      const track = (length, bytes) =>
        Array.from({ length }, () => externalBuffers.track(new ArrayBuffer(bytes)))
      const inArrayBuffers = () => process.memoryUsage().arrayBuffers
      globalThis.kept = [track(150_000, 256), track(10, 2000)]
      await collectUntil(() => inArrayBuffers() < 39e6)
      const limit = inArrayBuffers() + 10 * 4096
      const drop = () => {
        globalThis.dropped = null
        return collectUntil(() => inArrayBuffers() < limit)
      }
      globalThis.dropped = track(150_000, 4096)
      const before = tracked()
      await drop()
      const listed = externalBuffers.list({ top: 20 }).map(({ bytes }) => bytes)
      globalThis.dropped = track(150_000, 4096)
      await drop()
      const looks = [tracked(), tracked(), tracked(), tracked()]
      return { before, after: externalBuffers.usage().bytes, listed, looks }
    })
    const kept = 150_000 * 256 + 10 * 2000
    assert.equal(before, kept + 150_000 * 4096)
    // Ten may be alive: what is counted has pieces of Node's own in it, and the stack may hold the last one.
    const ofLiving = listed.filter((bytes) => bytes !== 4096)
    assert.ok(ofLiving.length >= 10, `${listed}`)
    const smallest = [...Array(10).fill(2000), ...Array(10).fill(256)]
    assert.deepEqual(ofLiving, smallest.slice(0, ofLiving.length))
    // A look asks of 131,072 small ones whether they are alive, the next one goes on: three ask all, and the first of
    // them may end what others began.
    assert.ok(looks[3] <= kept + 10 * 4096, `${looks}`)
    assert.ok(after <= kept + 10 * 4096, `${after}`)
  })

  it('are on the bills of their threads, wherever they lie', async () => {
    const { threads, ids, sizes } = await inChild(async () => {
      const { Worker } = require('node:worker_threads')
      const { externalBuffers, workerRss } = require('./index.js')
      const script = `
        const { parentPort, workerData } = require('node:worker_threads')
        const { externalBuffers } = require('./index.js')
        globalThis.kept = Array.from({ length: workerData }, () => externalBuffers.track(Buffer.alloc(5000, 1)))
        parentPort.postMessage('ready')
        setInterval(() => {}, 1e6)`
      const sizes = [20_000, 40_000]
      const workers = sizes.map((workerData) => new Worker(script, { eval: true, workerData }))
      const ids = workers.map(({ threadId }) => threadId)
      await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('message', resolve))))
      globalThis.kept = Array.from({ length: 15_000 }, () => externalBuffers.track(Buffer.alloc(5000, 1)))
      const { threads } = workerRss()
      await Promise.all(workers.map((worker) => worker.terminate()))
      return { threads, ids, sizes }
    })
    const of = (id) => threads.find(({ threadId }) => threadId === id).arrayBuffers
    assert.deepEqual(
      [0, ...ids].map(of),
      [15_000, ...sizes].map((count) => count * 5000),
    )
  })
})

describe('many buffers of externalBuffers.allocate()', () => {
  it('share mappings, and those that are free have no pages (review B.6)', async () => {
    const answer = await inChild(() => {
      const { readFileSync } = require('node:fs')
      const { externalBuffers, rssBreakdown } = require('./index.js')
      const { smapsRollup } = require('./__test__/helpers/kernel.js')
      const mappings = () => readFileSync('/proc/self/maps', 'latin1').split('\n').length
      const before = mappings()
      // 160,000 of 64 KiB would have to share in the same way; these are made in a tenth of the time.
      const buffers = Array.from({ length: 16_000 }, () => externalBuffers.allocate(65_536))
      const held = mappings() - before
      for (const buffer of buffers) buffer[0] = 1
      const touched = externalBuffers.usage().resident
      for (let index = 0; index < buffers.length; index++)
        if (index % 8) externalBuffers.release(buffers[index])
      const released = mappings() - before
      const { count, resident } = externalBuffers.usage()
      const rest = buffers.filter(({ length }) => length > 0)
      for (const buffer of rest) buffer.fill(1)
      const full = externalBuffers.usage().resident
      const look = rssBreakdown()
      const rss = smapsRollup('Rss')
      for (const buffer of rest) externalBuffers.release(buffer)
      const fell = rss - smapsRollup('Rss')
      return { held, released, touched, count, resident, full, look, fell, empty: mappings() - before }
    })
    assert.ok(answer.held < 600, `${answer.held} mappings`)
    assert.ok(answer.released < 600, `${answer.released} mappings`)
    // Of V8 and malloc, which grew meanwhile: that of musl in many small mappings.
    assert.ok(answer.empty < (isMusl ? 300 : 150), `${answer.empty} mappings`)
    assert.equal(answer.touched, 16_000 * 4096)
    assert.deepEqual([answer.count, answer.resident], [2000, 2000 * 4096])
    assert.equal(answer.full, 2000 * 65_536)
    assert.ok(Math.abs(answer.fell - 2000 * 65_536) < NOISE, `${answer.fell}`)
    assert.ok(answer.look.parts.other <= answer.look.rss * 0.01, JSON.stringify(answer.look.parts))
    assert.equal(answer.look.arrayBuffers.resident, answer.full)
  })

  it('are zeros again whoever had the memory before', async () => {
    const dirty = await inChild(() => {
      const { externalBuffers } = require('./index.js')
      const sizes = [65_536, 65_537, 100_000, 250_000, 1_048_576, 1_048_577, 3_000_000]
      let dirty = 0
      for (let round = 0; round < 200; round++) {
        const buffers = sizes.map((size) => externalBuffers.allocate(size + (round % 3)))
        for (const buffer of buffers) {
          if (buffer.compare(Buffer.alloc(buffer.length)) !== 0) dirty++
          buffer.fill(255)
        }
        for (const buffer of buffers) externalBuffers.release(buffer)
      }
      return dirty
    })
    assert.equal(dirty, 0)
  })

  it('give their pages back where the kernel refuses to unmap (review B.6)', async () => {
    const answer = await inChild(
      (mib) => {
        const { externalBuffers } = require('./index.js')
        const { smapsRollup } = require('./__test__/helpers/kernel.js')
        const { exhaustMappings, dropMappings } = require('./__test__/helpers/test-addon.js')
        // The kernel makes one mapping of them: to take the middle away is to split it.
        const buffers = Array.from({ length: 5 }, () => externalBuffers.allocate(64 * mib))
        for (const buffer of buffers) buffer.fill(255)
        const before = smapsRollup('Rss')
        const count = exhaustMappings()
        for (const index of [1, 3]) externalBuffers.release(buffers[index])
        dropMappings()
        const fell = before - smapsRollup('Rss')
        const { count: held, bytes, resident } = externalBuffers.usage()
        const again = [externalBuffers.allocate(64 * mib), externalBuffers.allocate(64 * mib)]
        const zeros = again.every((buffer) => buffer.every((byte) => byte === 0))
        for (const buffer of again) externalBuffers.release(buffer)
        return { count, fell, held, bytes, resident, zeros }
      },
      { args: [MIB] },
    )
    assert.ok(answer.count > 1000, `${answer.count} mappings`)
    assert.ok(Math.abs(answer.fell - 128 * MIB) < NOISE, `${answer.fell}`)
    assert.deepEqual([answer.held, answer.bytes, answer.resident], [3, 192 * MIB, 192 * MIB])
    assert.ok(answer.zeros)
  })
})

describe('nativeHeap.inUse and .retained', () => {
  it('agree with what is resident where buffers were allocated (review A.12)', glibc, async () => {
    const looks = await inChild(
      (mib) => {
        const { externalBuffers, rssBreakdown } = require('./index.js')
        const look = () => rssBreakdown({ allocator: true }).nativeHeap
        const looks = [look()]
        const small = Array.from({ length: 1000 }, () => externalBuffers.allocate(128 * 1024).fill(1))
        const large = Array.from({ length: 4 }, () => externalBuffers.allocate(32 * mib).fill(1))
        looks.push(look())
        for (const buffer of [...small.slice(0, 500), ...large.slice(0, 2)]) externalBuffers.release(buffer)
        looks.push(look())
        return looks
      },
      { args: [MIB] },
    )
    const held = [0, 128 * 1024 * 1000 + 128 * MIB, 128 * 1024 * 500 + 64 * MIB]
    for (const [index, { resident, inUse, retained }] of looks.entries()) {
      assert.ok(Math.abs(inUse - looks[0].inUse - held[index]) < NOISE, `${inUse} of ${held[index]}`)
      assert.ok(Math.abs(inUse + retained - resident) < 2 * NOISE, `${inUse} + ${retained} of ${resident}`)
    }
  })
})
