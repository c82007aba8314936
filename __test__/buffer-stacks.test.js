'use strict'

// `list().stack`: where buffers on the books were allocated.

const assert = require('node:assert/strict')
const { afterEach, describe, it } = require('node:test')
const { Worker } = require('node:worker_threads')
const { externalBuffers } = require('..')
const { inChild, MIB, root } = require('./helpers/child')

const { profile } = externalBuffers
const SIZE = 256 * 1024
/** So small that every allocation is sampled. */
const EVERY = { sampleBytes: 1 }

afterEach(() => {
  for (const { label } of externalBuffers.list()) assert.match(label, /^(stacks of |default$)/)
})

describe('the stack of a buffer on the books', () => {
  it('is that of allocate() while a profile runs, and of what was sampled and tracked', () => {
    const allocates = () => externalBuffers.allocate(SIZE, { label: 'stacks of allocate' })
    const creates = () => new Uint8Array(SIZE)
    const before = allocates()
    profile.start(EVERY)
    const held = [allocates(), externalBuffers.track(creates(), { label: 'stacks of track' })]
    profile.stop()
    const later = allocates()
    const [tracked] = externalBuffers.list({ label: 'stacks of track' })
    assert.match(tracked.stack, /^ {4}at creates \(.*buffer-stacks\.test\.js:\d+:\d+\)\n {4}at /)
    const stacks = externalBuffers.list({ label: 'stacks of allocate' }).map(({ stack }) => stack)
    assert.deepEqual(stacks.filter((stack) => stack === null).length, 2)
    assert.match(
      stacks.find((stack) => stack !== null),
      /^ {4}at allocates \(.*buffer-stacks\.test\.js:\d+:\d+\)\n {4}at /,
    )
    for (const buffer of [before, held[0], later]) externalBuffers.release(buffer)
  })

  it('stays where the buffer is tracked again, and while another thread has the memory', async () => {
    const creates = () => new ArrayBuffer(SIZE)
    profile.start(EVERY)
    const buffer = externalBuffers.track(creates(), { label: 'stacks of moved' })
    profile.stop()
    externalBuffers.track(buffer)
    const stack = () => externalBuffers.list({ label: 'stacks of moved' })[0]?.stack
    assert.match(stack(), /^ {4}at creates /)
    const worker = new Worker(
      `const { parentPort } = require('node:worker_threads')
      parentPort.on('message', (buffer) => { globalThis.held = buffer; parentPort.postMessage('has it') })`,
      { eval: true },
    )
    worker.postMessage(buffer, [buffer])
    await new Promise((resolve, reject) => worker.on('message', resolve).on('error', reject))
    globalThis.gc()
    await new Promise(setImmediate)
    assert.match(stack(), /^ {4}at creates /)
    await worker.terminate()
  })

  it('is never that of a dead buffer that lay at the same address, in any thread (review A.9)', async () => {
    const COUNT = 20
    const allocate = (label) => externalBuffers.allocate(MIB, { label })
    profile.start()
    const dead = Array.from({ length: COUNT }, () => allocate('stacks of the dead'))
    for (const buffer of dead) externalBuffers.release(buffer)
    const worker = new Worker(
      `const { parentPort } = require('node:worker_threads')
      const { externalBuffers } = require(${JSON.stringify(root)})
      globalThis.held = Array.from({ length: ${COUNT} }, () =>
        externalBuffers.allocate(${MIB}, { label: 'stacks of a worker' }))
      parentPort.on('message', () => {}).postMessage('allocated')`,
      { eval: true },
    )
    await new Promise((resolve, reject) => worker.on('message', resolve).on('error', reject))
    const found = externalBuffers.list({ label: 'stacks of a worker' })
    assert.deepEqual(
      found.map(({ stack }) => stack),
      Array(COUNT).fill(null),
    )
    profile.stop()
    await worker.terminate()
  })

  for (const engine of ['backing-store', 'finalizer']) {
    it(`is let go with the buffer: 50,000 of them, 20 calls deep, leave nothing (${engine}; review A.9)`, async () => {
      const { grown, method, left } = await inChild(
        async () => {
          const { externalBuffers } = require('./index.js')
          const call = (depth, work) => (depth === 0 ? work() : [call(depth - 1, work)][0])
          // Finalizers of buffers first, then ours, then what both held: some collections one after the other.
          const rest = async () => {
            for (let times = 0; times < 8; times++) {
              globalThis.gc()
              await new Promise((resolve) => setTimeout(resolve, 20))
            }
            return process.memoryUsage().heapUsed
          }
          const round = ({ withStacks }) => {
            const count = 50_000
            if (withStacks) externalBuffers.profile.start()
            const held = Array.from({ length: count }, () => call(20, () => externalBuffers.allocate(1000)))
            if (withStacks) externalBuffers.profile.stop()
            // One half is released, the other is left to the garbage collector.
            for (const buffer of held.slice(count / 2)) externalBuffers.release(buffer)
          }
          round({ withStacks: false }) // tables of the books stay as large as they were
          const before = await rest()
          round({ withStacks: true })
          const { method } = externalBuffers.usage()
          return { grown: (await rest()) - before, method, left: externalBuffers.list().length }
        },
        { env: engine === 'finalizer' ? { RS_MEMUSAGE_NO_V8: '1' } : {} },
      )
      assert.equal(method, engine)
      assert.equal(left, 0)
      assert.ok(
        grown < 4 * MIB,
        `${grown}: it was 57 MB as strings; code that V8 compiles meanwhile is a few hundred KB`,
      )
    })
  }
})
