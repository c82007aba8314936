'use strict'

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { memoryUsage } = require('..')
const { MIB } = require('./helpers/child')
const { status } = require('./helpers/kernel')

describe('memoryUsage.peakRss()', () => {
  it('is what the kernel says', () => {
    const peak = memoryUsage.peakRss()
    const kernel = status('VmHWM')
    // Not only upwards: while RSS is at its peak, that is what the kernel's approximate counter says at the moment.
    assert.ok(Math.abs(kernel - peak) <= MIB, `${peak} against ${kernel}`)
  })

  it('remembers memory that is gone', () => {
    assert.equal(memoryUsage.resetPeakRss(), true)
    const before = memoryUsage.rss()
    let buffer = Buffer.alloc(128 * MIB, 1)
    assert.equal(buffer.length, 128 * MIB)
    buffer = null
    global.gc()
    const peak = memoryUsage.peakRss()
    // A collection before the buffer may have made room for a part of it.
    assert.ok(peak - before > 112 * MIB, `peak ${peak}, before ${before}`)
  })
})

describe('memoryUsage.resetPeakRss()', () => {
  it('starts the peak anew', async () => {
    let buffer = Buffer.alloc(128 * MIB, 1)
    const high = memoryUsage.peakRss()
    assert.ok(buffer.length <= high)
    buffer = null
    global.gc()
    await new Promise((resolve) => setTimeout(resolve, 200)) // V8 frees array buffers in the background
    assert.equal(memoryUsage.resetPeakRss(), true)
    const low = memoryUsage.peakRss()
    assert.ok(high - low > 96 * MIB, `${high} fell to ${low}`)
    assert.ok(Math.abs(low - memoryUsage.rss()) < 16 * MIB)
  })
})
