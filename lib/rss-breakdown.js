'use strict'

const native = require('../native')
const { Stopwatch } = require('./stopwatch')
const { throwIfAborted, unlessAborted } = require('./unless-aborted')
const { engineIsV8, v8Layer } = require('./v8-layer')
const { validateAbortSignal, validateBoolean, validateNumber, validateOptions } = require('./validate')

const PARTS = native.partNames()
const OPTIONS = ['budgetMs', 'regions', 'allocator']

function rssBreakdown(options = {}) {
  const watch = new Stopwatch()
  validateOptions(options, OPTIONS)
  const request = requestOf(options)
  const raw = native.rssBreakdown(request)
  const answer = shape(raw)
  return priced(answer, watch.micros, { raw, request })
}

async function rssBreakdownAsync(options = {}) {
  const watch = new Stopwatch()
  validateOptions(options, [...OPTIONS, 'signal'])
  const request = requestOf(options)
  const { signal } = options
  validateAbortSignal(signal, 'options.signal')
  throwIfAborted(signal)
  const [promise, call] = native.rssBreakdownAsync(request)
  const before = watch.micros
  const raw = await unlessAborted(promise, signal, () => native.giveUpCall(call))
  const shaping = new Stopwatch()
  const answer = shape(raw)
  return priced(answer, before + raw.costMicros + shaping.micros, { raw, request })
}

/** The answer with what all of it took, from which the next prediction learns. */
function priced(answer, costMicros, { raw, request }) {
  native.learnBreakdownCost(request.regions, costMicros - raw.apartMicros)
  answer.costMicros = costMicros
  return answer
}

/** The request that the addon takes; throws on what it could not. */
function requestOf({ budgetMs, regions = false, allocator = false }) {
  if (budgetMs !== undefined) validateNumber(budgetMs, 'options.budgetMs', 0)
  validateBoolean(regions, 'options.regions')
  validateBoolean(allocator, 'options.allocator')
  v8Layer() // what of V8 may be believed is settled before
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
      arenas: raw.arenas ?? null,
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
    costMicros: raw.costMicros, // until the answer was shaped
  }
  return raw.regions ? { ...breakdown, regions: raw.regions.map(shapeRegion) } : breakdown
}

function shapeRegion({ start, end, part, owner = null, resident, name = null }) {
  return { start, end, part, owner, resident, name }
}

module.exports = { rssBreakdown, rssBreakdownAsync }
