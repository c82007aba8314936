'use strict'

// What the server says about its memory: as JSON, and as a line for the console.

const { memoryUsage } = require('rs-memusage')
const { readableSize, size } = require('./format')

function currentMemory() {
  return { ...memoryUsage(), peakRss: memoryUsage.peakRss() }
}

function status(holdings) {
  return { memory: withSizes(currentMemory()), holding: withReadableBytes(holdings.summary()) }
}

function withSizes(figures) {
  return mapValues(figures, size)
}

/** For the parts of a summary, which have a count besides their bytes. */
function withReadableBytes(summary) {
  return mapValues(summary, ({ count, bytes }) => ({ count, ...size(bytes) }))
}

function mapValues(object, change) {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(value)]))
}

function memoryLine(holdings) {
  const { rss, peakRss, heapUsed, heapTotal, heapLimit, external, arrayBuffers } = mapValues(
    currentMemory(),
    readableSize,
  )
  const { heap, buffers, workers } = mapValues(holdings.summary(), ({ bytes }) => readableSize(bytes))
  return [
    `rss ${rss} (peak ${peakRss})`,
    `heap ${heapUsed} of ${heapTotal} (limit ${heapLimit})`,
    `external ${external} (array buffers ${arrayBuffers})`,
    `holding heap ${heap}, buffers ${buffers}, workers ${workers}`,
  ].join(' | ')
}

module.exports = { memoryLine, status, withReadableBytes }
