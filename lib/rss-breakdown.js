'use strict'

const native = require('../native')
const { throwIfAborted, unlessAborted } = require('./unless-aborted')
const { engineIsV8 } = require('./v8-layer')
const { validateAbortSignal, validateBoolean, validateNumber, validateOptions } = require('./validate')

const PARTS = native.partNames()
const OPTIONS = ['budgetMs', 'regions', 'allocator']

function rssBreakdown(options = {}) {
  validateOptions(options, OPTIONS)
  const request = requestOf(options)
  return shape(native.rssBreakdown(request))
}

async function rssBreakdownAsync(options = {}) {
  validateOptions(options, [...OPTIONS, 'signal'])
  const request = requestOf(options)
  const { signal } = options
  validateAbortSignal(signal, 'options.signal')
  throwIfAborted(signal)
  return shape(await unlessAborted(native.rssBreakdownAsync(request), signal))
}

/** The request that the addon takes; throws on what it could not. */
function requestOf({ budgetMs, regions = false, allocator = false }) {
  if (budgetMs !== undefined) validateNumber(budgetMs, 'options.budgetMs', 0)
  validateBoolean(regions, 'options.regions')
  validateBoolean(allocator, 'options.allocator')
  return { engineIsV8, budgetMs, regions, allocator }
}

function shape(raw) {
  const parts = Object.fromEntries(PARTS.map((name, index) => [name, raw.parts[index]]))
  const breakdown = {
    rss: raw.parts.reduce((sum, bytes) => sum + bytes, 0),
    parts,
    nativeHeap: {
      resident: parts.nativeHeap,
      inUse: raw.inUse ?? null,
      retained: raw.retained ?? null,
      arenas: raw.arenas,
      deadArenas: raw.deadArenas ?? null,
      allocator: raw.allocator ?? null,
    },
    arrayBuffers: {
      committed: raw.arrayBufferBytes ?? null,
      tracked: raw.trackedBytes,
      resident: raw.trackedBytes > 0 ? raw.trackedResident : null,
    },
    swap: raw.swap ?? null,
    threads: raw.threads,
    method: raw.method,
    costMicros: raw.costMicros,
  }
  return raw.regions ? { ...breakdown, regions: raw.regions.map(shapeRegion) } : breakdown
}

function shapeRegion({ start, end, part, owner = null, resident, name = null }) {
  return { start, end, part, owner, resident, name }
}

module.exports = { rssBreakdown, rssBreakdownAsync }
