'use strict'

// Takes the addon's place where it cannot be loaded: the same functions, answered by the engine. What an engine cannot
// tell throws ERR_MEMUSAGE_UNSUPPORTED when it is asked for.
//
// The books of external buffers are those of the calling thread alone.

const UNLABELLED = 'unlabelled'

/** Captured at load: users may replace process.memoryUsage with ours. */
const core = process.memoryUsage

/** As the addon numbers them. Never `undefined`, which is success. */
const storeOutcomes = { NOT_A_BUFFER: 0, DETACHED: 1, NOT_OURS: 2, NOT_DETACHABLE: 3 }

/** `reason` completes the sentence about what cannot be had. */
function withoutNative(reason) {
  const refuse = (what) => () => {
    const error = new Error(`${what} cannot be had: ${reason}`)
    error.code = 'ERR_MEMUSAGE_UNSUPPORTED'
    throw error
  }
  return {
    ...neutral,
    reason,
    ...booksOfThisThread(),
    footprint: refuse('the footprint of a process'),
    refuseProfile: refuse('a profile of buffers'),
    systemLimits: refuse('limits'),
    rssBreakdown: refuse('a breakdown of resident memory'),
    rssBreakdownAsync: refuse('a breakdown of resident memory'),
    workerRss: refuse('the memory of threads'),
    workerRssAsync: refuse('the memory of threads'),
  }
}

/** What can be said without the addon, and what then need not be done. */
const neutral = {
  storeOutcomes,
  slotNumbers: {},
  isMainThread: () => false, // which has JavaScript asked instead
  registerThread() {},
  onMail() {},
  readNotice: () => null,
  putUpNotice: () => null,
  isRegistered: () => false,
  partNames: () => [],
  sharedPartNames: () => [],
  peakRss: () => null,
  resetPeakRss: () => false,
  borrowSpareDescriptor: () => false,
  allocatorName: () => null,
  trim: () => false,
  addressOf: () => null,
  detachBuffer,
}

/** A transfer is the way for JavaScript to detach a buffer; a shared one, or one of WebAssembly's, refuses. */
function detachBuffer(buffer) {
  try {
    structuredClone(buffer, { transfer: [buffer] })
    return true
  } catch {
    return false
  }
}

function booksOfThisThread() {
  const names = [UNLABELLED]
  const entries = new Map()
  const allocated = { count: 0, bytes: 0 }
  const freed = { count: 0, bytes: 0 }
  let lastNumber = 0
  let peakBytes = 0

  function labelId(name) {
    const known = names.indexOf(name)
    return known >= 0 ? known : names.push(name) - 1
  }

  function holdBuffer({ bytes, label = 0, thread, isAllocated }) {
    const number = ++lastNumber
    const source = isAllocated ? 'allocated' : 'tracked'
    entries.set(number, { bytes, label, thread, source, since: performance.now() })
    enter({ count: 1, bytes })
    return number
  }

  function updateHeldBuffer(number, bytes, label, thread) {
    const entry = entries.get(number)
    if (bytes > entry.bytes) enter({ count: 0, bytes: bytes - entry.bytes })
    else freed.bytes += entry.bytes - bytes
    Object.assign(entry, { bytes, thread, label: label ?? entry.label })
  }

  function letGoOfBuffer(number) {
    const { bytes } = entries.get(number)
    entries.delete(number)
    freed.count++
    freed.bytes += bytes
  }

  function enter({ count, bytes }) {
    allocated.count += count
    allocated.bytes += bytes
    peakBytes = Math.max(peakBytes, allocated.bytes - freed.bytes)
  }

  function bufferUsage() {
    const all = [...entries.values()]
    return {
      all: sumOf(all),
      peakBytes,
      allocated: { ...allocated },
      freed: { ...freed },
      labels: groupsOf(all, 'label').map(([label, sum]) => ({ label: names[label], ...sum })),
      threads: groupsOf(all, 'thread').map(([thread, sum]) => ({ thread, ...sum })),
    }
  }

  function listBuffers({ label, olderThanMs = 0, top = entries.size }) {
    const now = performance.now()
    return [...entries.values()]
      .map((entry) => ({ ...entry, label: names[entry.label], ageMs: now - entry.since }))
      .filter((entry) => (label === undefined || entry.label === label) && entry.ageMs >= olderThanMs)
      .sort(bySize)
      .slice(0, top)
  }

  function unaccountedBytes() {
    return Math.max(core().external - sumOf([...entries.values()]).bytes, 0)
  }

  return {
    useExternalBuffers() {},
    bufferUsage,
    holdBuffer,
    labelId,
    letGoOfBuffer,
    listBuffers,
    unaccountedBytes,
    updateHeldBuffer,
  }
}

function sumOf(entries) {
  const now = performance.now()
  return {
    count: entries.length,
    bytes: entries.reduce((sum, { bytes }) => sum + bytes, 0),
    oldestMs: entries.reduce((oldest, { since }) => Math.max(oldest, now - since), 0),
  }
}

/** The sums by one property of the entries, largest first. */
function groupsOf(entries, property) {
  const groups = new Map()
  for (const entry of entries) {
    const group = groups.get(entry[property])
    if (group) group.push(entry)
    else groups.set(entry[property], [entry])
  }
  return [...groups].map(([key, group]) => [key, sumOf(group)]).sort(([, a], [, b]) => bySize(a, b))
}

function bySize(one, other) {
  return other.bytes - one.bytes
}

module.exports = { withoutNative }
