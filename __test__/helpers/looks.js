'use strict'

const assert = require('node:assert/strict')
const { MIB } = require('./child')

const sumOf = (sizes) => Object.values(sizes).reduce((sum, bytes) => sum + bytes, 0)

/**
 * One look between two readings of what the kernel counts. `deep` is the same moment's workerRss({ deep: true }): where
 * the process holds still, both must say the same.
 */
function lookBesideKernel() {
  const { rssBreakdown, workerRss } = require('../..')
  const { smapsRollup } = require('./kernel')
  rssBreakdown() // the first call compiles
  const before = smapsRollup('Rss')
  const breakdown = rssBreakdown()
  const threads = workerRss()
  const deep = workerRss({ deep: true })
  return { before, breakdown, threads, deep, after: smapsRollup('Rss') }
}

/** What may stay unexplained of a process: 2 % of it, or 4 MiB where it is small. */
function mostOther(rss) {
  return Math.max(rss * 0.02, 4 * MIB)
}

/** The parts of each look add up to what the kernel counts, and beyond `foreign` bytes little is unexplained. */
function assertExplained({ before, breakdown, threads, deep, after }, foreign = 0) {
  const most = foreign + mostOther(breakdown.rss)
  // 1 % and 2 MiB: what V8, libuv and the looks themselves allocate between the first reading and the last.
  const tolerance = Math.max(after * 0.01, 2 * MIB)
  const others = {
    breakdown: breakdown.parts.other,
    threads: threads.sharedParts.other,
    deep: deep.sharedParts.other,
  }
  for (const [name, look] of Object.entries({ breakdown, threads, deep })) {
    const { rss } = look
    assert.ok(rss >= Math.min(before, after) - tolerance, `${name}: ${rss} below ${before}, ${after}`)
    assert.ok(rss <= Math.max(before, after) + tolerance, `${name}: ${rss} above ${before}, ${after}`)
    assert.ok(others[name] <= most, `${name}: ${others[name]} of ${rss} is other, ${foreign} were foreign`)
  }
  assert.equal(sumOf(breakdown.parts), breakdown.rss)
}

module.exports = { assertExplained, lookBesideKernel, mostOther }
