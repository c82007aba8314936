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

/**
 * Above any threshold of glibc's, so that it gets a mapping of its own. Never touched, it occupies one page.
 */
const PROBE_BYTES = 33 * 1024 * 1024
let searchWorks = false

/** Node's number for the thread that a process begins with, whether that loaded the package or not. */
const MAIN_THREAD_ID = 0

function workerRss(options = {}) {
  const watch = new Stopwatch()
  validateOptions(options, OPTIONS)
  const request = requestOf(options)
  const probe = probeFor(request)
  try {
    const raw = native.workerRss(request)
    const answer = conclude(shape(raw, { workers: unregisteredWorkers(), probe }))
    return priced(answer, watch.micros, { raw, request })
  } finally {
    drop(probe)
  }
}

workerRss.self = function self() {
  const raw = native.workerRss(requestOf({}))
  return raw.caller === undefined ? null : shape(raw, { workers: [] }).threads[raw.caller]
}

async function workerRssAsync(options = {}) {
  const watch = new Stopwatch()
  validateOptions(options, [...OPTIONS, 'signal'])
  const request = requestOf(options)
  const { signal } = options
  validateAbortSignal(signal, 'options.signal')
  throwIfAborted(signal)
  const workers = unregisteredWorkers()
  const probe = probeFor(request)
  const patience = new Patience(workers, request.waitMs)
  try {
    const [promise, call] = native.workerRssAsync(request)
    const before = watch.micros
    const answers = Promise.all([promise, patience.isOver])
    const [raw] = await unlessAborted(answers, signal, () => native.giveUpCall(call))
    const shaping = new Stopwatch()
    const answer = conclude(shape(raw, { workers, probe }))
    return priced(answer, before + raw.costMicros + shaping.micros, { raw, request })
  } finally {
    patience.end()
    drop(probe)
  }
}

/** The answer with what all of it took, from which the next prediction learns. */
function priced(answer, costMicros, { raw, request }) {
  native.learnWorkerRssCost(request.deep, costMicros - raw.apartMicros)
  answer.costMicros = costMicros
  return answer
}

/** A buffer that a search has to find, until one was found: how V8 lays out buffers is not written down anywhere. */
function probeFor({ deep }) {
  return deep && !searchWorks ? new ArrayBuffer(PROBE_BYTES) : null
}

/** The answer; what it says of the search is good for the next ones. */
function conclude(answer) {
  if (answer.method.largeAllocations === 'searched') searchWorks = true
  return answer
}

/** Called when the search is over, which keeps the probe alive until then. V8 would count it until its next collection. */
function drop(probe) {
  if (probe !== null) native.detachBuffer(probe)
}

/** The request that the addon takes; throws on what it could not. */
function requestOf({ waitMs = 0, deep = false, budgetMs }) {
  validateNumber(waitMs, 'options.waitMs', 0)
  validateBoolean(deep, 'options.deep')
  if (budgetMs !== undefined) validateNumber(budgetMs, 'options.budgetMs', 0)
  v8Layer() // what of V8 may be believed is settled before
  return { engineIsV8, waitMs, deep, searchWorks, budgetMs }
}

/** The public result; `workers` are those that only Node knows, and `probe` is what a search had to find. */
function shape(raw, { workers, probe = null }) {
  const identities = identify(raw.threads, workers)
  const threads = raw.threads.map((thread, index) =>
    shapeThread(thread, { raw, identity: identities.get(thread), isCaller: index === raw.caller, probe }),
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

function shapeThread(thread, { raw, identity, isCaller, probe }) {
  const { kind, v8Heap, jit, stack, nativeHeap, state = null } = thread
  const runsJavaScript = kind !== 'runtime'
  return {
    threadId: thread.threadId ?? identity?.threadId ?? (kind === 'main' ? MAIN_THREAD_ID : null),
    name: identity?.name ?? thread.name ?? null,
    kind,
    rss: v8Heap + jit + stack + nativeHeap,
    v8Heap: raw.knowsHeaps || !runsJavaScript ? v8Heap : null,
    // Where the code of an isolate lies is known of those alone that registered; some leave while we look.
    jit: jit > 0 || (raw.knowsHeaps && state !== 'unregistered') || !runsJavaScript ? jit : null,
    stack,
    // Of another allocator's memory that alone is known which is in buffers on the books.
    nativeHeap: raw.method.malloc === 'verified' || nativeHeap > 0 ? nativeHeap : null,
    arrayBuffers: runsJavaScript ? (thread.arrayBuffers ?? null) : null,
    ...withoutProbe(wordsOf(thread, { identity, isCaller }), isCaller ? probe : null),
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

/** The probe is ours: nobody shall look for it in the program. */
function withoutProbe(words, probe) {
  return probe === null ? words : { ...words, external: words.external - PROBE_BYTES }
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
 * Which unregistered thread is which worker of this thread. Threads get ascending numbers as they start, and so do
 * workers: where there are as many of the one as of the other, the order tells. Otherwise nothing does.
 */
function identify(threads, workers) {
  const unknown = threads.filter(({ kind, state }) => kind === 'worker' && state === 'unregistered')
  const wrapped = unknown.some(({ tid }) => tid < process.pid) // the kernel began its numbers anew
  if (wrapped || unknown.length !== workers.length) return new Map()
  unknown.sort((a, b) => a.tid - b.tid)
  return new Map(unknown.map((thread, index) => [thread, workers[index]]))
}

module.exports = { workerRss, workerRssAsync }
