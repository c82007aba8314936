'use strict'

const native = require('../native')
const { Patience, unregisteredWorkers } = require('./started-workers')
const { Stopwatch } = require('./stopwatch')
require('./this-thread')
const { throwIfAborted, unlessAborted } = require('./unless-aborted')
const { engineIsV8, heapStatistics, v8Layer } = require('./v8-layer')
const { validateAbortSignal, validateBoolean, validateNumber, validateOptions } = require('./validate')

const SHARED_PARTS = native.sharedPartNames()
const OPTIONS = ['waitMs', 'deep', 'budgetMs']

/** Lengths of a buffer that nothing else around it has. */
const PROBE = { byteLength: 12_347, maxByteLength: 24_693 }
let knowsBuffers = false
/** Node's number for the thread that a process begins with, whether that loaded the package or not. */
const MAIN_THREAD_ID = 0

function workerRss(options = {}) {
  const watch = new Stopwatch()
  validateOptions(options, OPTIONS)
  const request = requestOf(options)
  const raw = native.workerRss(request)
  const answer = shape(raw, unregisteredWorkers())
  return priced(answer, watch.micros, { raw, request })
}

workerRss.self = function self() {
  const raw = native.workerRss(requestOf({}))
  return raw.caller === undefined ? null : shape(raw, []).threads[raw.caller]
}

async function workerRssAsync(options = {}) {
  const watch = new Stopwatch()
  validateOptions(options, [...OPTIONS, 'signal'])
  const request = requestOf(options)
  const { signal } = options
  validateAbortSignal(signal, 'options.signal')
  throwIfAborted(signal)
  const workers = unregisteredWorkers()
  const patience = new Patience(workers, request.waitMs)
  try {
    const [promise, call] = native.workerRssAsync(request)
    const before = watch.micros
    const answers = Promise.all([promise, patience.isOver])
    const [raw] = await unlessAborted(answers, signal, () => native.giveUpCall(call))
    const shaping = new Stopwatch()
    const answer = shape(raw, workers)
    return priced(answer, before + raw.costMicros + shaping.micros, { raw, request })
  } finally {
    patience.end()
  }
}

/** The answer with what all of it took, from which the next prediction learns. */
function priced(answer, costMicros, { raw, request }) {
  native.learnWorkerRssCost(request.deep, costMicros - raw.apartMicros)
  answer.costMicros = costMicros
  return answer
}

/**
 * How V8 lays out buffers is not written down anywhere: it is read off one of which everything is known. Detached, it is
 * in no count of V8's any more.
 */
function learnBuffers() {
  const { byteLength, maxByteLength } = PROBE
  const probe = new ArrayBuffer(byteLength, { maxByteLength })
  knowsBuffers = native.learnBufferLayout(probe)
  native.detachBuffer(probe)
}

/** The request that the addon takes; throws on what it could not. */
function requestOf({ waitMs = 0, deep = false, budgetMs }) {
  validateNumber(waitMs, 'options.waitMs', 0)
  validateBoolean(deep, 'options.deep')
  if (budgetMs !== undefined) validateNumber(budgetMs, 'options.budgetMs', 0)
  v8Layer() // what of V8 may be believed is settled before
  if (deep && engineIsV8 && !knowsBuffers) learnBuffers()
  return { engineIsV8, waitMs, deep, budgetMs }
}

/** The public result; `workers` are those that only Node knows. */
function shape(raw, workers) {
  const identities = identify(raw.threads, workers)
  const threads = raw.threads.map((thread, index) =>
    shapeThread(thread, { raw, identity: identities.get(thread), isCaller: index === raw.caller }),
  )
  const owned = threads.reduce((sum, thread) => sum + thread.rss, 0)
  return {
    rss: raw.rss,
    shared: raw.rss - owned,
    sharedParts: Object.fromEntries(SHARED_PARTS.map((name, index) => [name, raw.shared[index]])),
    declared: raw.declared,
    threads,
    method: {
      ...raw.method,
      arenas: raw.knowsAllArenas ? 'verified' : 'estimated',
      largeAllocations: raw.searched === undefined ? 'estimated' : 'searched',
      searchedBytes: raw.searched ?? null,
    },
    costMicros: raw.costMicros, // until the answer was shaped
  }
}

function shapeThread(thread, { raw, identity, isCaller }) {
  const { kind, v8Heap, jit, stack, absentBuffers, state = null } = thread
  const runsJavaScript = kind !== 'runtime'
  // Of another allocator's memory that alone is known which is in buffers on the books.
  const nativeHeap = raw.method.malloc === 'verified' || thread.nativeHeap > 0 ? thread.nativeHeap : null
  const { external, ageMs, ...heap } = wordsOf(thread, { identity, isCaller })
  const isExplained = external !== null && nativeHeap !== null
  return {
    threadId: thread.threadId ?? identity?.threadId ?? (kind === 'main' ? MAIN_THREAD_ID : null),
    name: identity?.name ?? thread.name ?? null,
    kind,
    rss: v8Heap + jit + stack + nativeHeap,
    v8Heap: raw.knowsHeaps || !runsJavaScript ? v8Heap : null,
    // Where the code of an isolate lies is known of those alone that registered; some leave while we look.
    jit: jit > 0 || (raw.knowsHeaps && state !== 'unregistered') || !runsJavaScript ? jit : null,
    stack,
    nativeHeap,
    arrayBuffers: runsJavaScript ? (thread.arrayBuffers ?? null) : null,
    ...heap,
    external,
    externalElsewhere: isExplained ? Math.max(0, external - nativeHeap - absentBuffers) : null,
    ageMs,
    state,
    method: { v8Heap: thread.evidence },
  }
}

/** V8's own words, from the addon, from Node about an unregistered worker, or from Node about the caller. */
function wordsOf({ heapUsed, heapTotal, heapLimit, external, ageMs }, { identity, isCaller }) {
  if (heapUsed !== undefined) return { heapUsed, heapTotal, heapLimit, external, ageMs }
  if (isCaller) return { ...fromStatistics(heapStatistics()), ageMs: 0 }
  const said = identity?.words
  if (said) return { ...fromStatistics(said.statistics), ageMs: performance.now() - said.at }
  return { heapUsed: null, heapTotal: null, heapLimit: null, external: null, ageMs: null }
}

function fromStatistics(statistics) {
  return {
    heapUsed: statistics.used_heap_size,
    heapTotal: statistics.total_heap_size,
    heapLimit: statistics.heap_size_limit,
    external: statistics.external_memory,
  }
}

/**
 * Which unregistered thread is which worker of this thread. Both are in the order in which they started: where there are
 * as many of the one as of the other, that tells. Otherwise nothing does.
 */
function identify(threads, workers) {
  const unknown = threads.filter(({ kind, state }) => kind === 'worker' && state === 'unregistered')
  if (unknown.length !== workers.length) return new Map()
  return new Map(unknown.map((thread, index) => [thread, workers[index]]))
}

module.exports = { workerRss, workerRssAsync }
