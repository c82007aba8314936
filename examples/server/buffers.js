'use strict'

// What the server says about the buffers on the books, those of its workers included.

const { externalBuffers } = require('rs-memusage')
const { mapValues, size } = require('./format')

/** For /status. */
function buffersReport() {
  const { count, bytes, resident, peakBytes, allocated, freed, labels, threads, method } =
    externalBuffers.usage()
  return {
    count,
    ...size(bytes),
    resident: size(resident),
    peak: size(peakBytes),
    allocated: readableAmount(allocated),
    freed: readableAmount(freed),
    labels: mapValues(labels, readableAmount),
    threads: threads.map(readableAmount),
    unaccounted: size(externalBuffers.unaccounted()),
    method,
  }
}

/** For /buffers. */
function listedBuffers({ label, olderThanMs, top }) {
  return externalBuffers.list({ label, olderThanMs, top }).map(readableAmount)
}

/** Some buffers, or one, with whatever else is known of them. */
function readableAmount({ bytes, resident, ...rest }) {
  return { ...rest, ...size(bytes), ...(resident !== undefined && { resident: size(resident) }) }
}

module.exports = { buffersReport, listedBuffers }
