'use strict'

// What the server says about its memory: as JSON, and as a line for the console.

const { memoryUsage, rssBreakdownAsync } = require('rs-memusage')
const { buffersReport } = require('./buffers')
const { mapValues, readableSize, size, withSizes } = require('./format')
const { fattestWorker, threadsReport } = require('./threads')
const { unlessUnsupported } = require('./unless-unsupported')

function currentMemory() {
  return { ...memoryUsage(), peakRss: memoryUsage.peakRss() }
}

/** Null where the platform does not tell. Off the event loop, which goes on answering others meanwhile. */
function currentBreakdown() {
  // The allocator walks its free lists for it and may hold up a thread that allocates: fine for an answer to a
  // question, too dear for a hot path.
  return unlessUnsupported(rssBreakdownAsync({ allocator: true }))
}

/** What every answer about memory has. */
function summary(holdings) {
  return { memory: withSizes(currentMemory()), holding: withReadableBytes(holdings.summary()) }
}

async function status(holdings) {
  const [breakdown, threads] = await Promise.all([currentBreakdown(), threadsReport(holdings)])
  // Read behind the wait, so that all figures are of about the same moment.
  return {
    ...summary(holdings),
    breakdown: breakdown && readableBreakdown(breakdown),
    ...threads,
    buffers: buffersReport(),
  }
}

function readableBreakdown({ rss, parts, nativeHeap, arrayBuffers, swap, threads, method, costMicros }) {
  const { arenas, allocator, ...nativeSizes } = nativeHeap
  return {
    rss: size(rss),
    parts: withSizes(parts),
    nativeHeap: { ...withSizes(nativeSizes), arenas, allocator },
    arrayBuffers: withSizes(arrayBuffers),
    swap: size(swap),
    threads,
    method,
    costMicros,
  }
}

/** For the parts of a summary, which have a count besides their bytes. */
function withReadableBytes(held) {
  return mapValues(held, ({ count, bytes }) => ({ count, ...size(bytes) }))
}

async function memoryLine(holdings) {
  const [largest, fattest] = await Promise.all([largestPart(), fattestWorker(holdings)])
  const { rss, peakRss, heapUsed, heapTotal, heapLimit, external, arrayBuffers } = mapValues(
    currentMemory(),
    readableSize,
  )
  const held = holdings.summary()
  const { heap, buffers, leak, workers } = mapValues(held, ({ bytes }) => readableSize(bytes))
  return [
    `rss ${rss} (peak ${peakRss}${largest ? `, largest part ${largest}` : ''})`,
    `heap ${heapUsed} of ${heapTotal} (limit ${heapLimit})`,
    `external ${external} (array buffers ${arrayBuffers})`,
    `holding heap ${heap}, buffers ${buffers}, workers ${workers}${fattest ? ` (fattest: ${fattest})` : ''}${held.leak.count > 0 ? `, leak ${leak}` : ''}`,
  ].join(' | ')
}

/** "code 36.6 MiB". Undefined where nobody can tell: the rest of the line is worth having without it. */
async function largestPart() {
  const breakdown = await rssBreakdownAsync().catch(() => undefined)
  if (!breakdown) return undefined
  const [name, bytes] = Object.entries(breakdown.parts).reduce((a, b) => (b[1] > a[1] ? b : a))
  return `${name} ${readableSize(bytes)}`
}

module.exports = { memoryLine, status, summary, withReadableBytes }
