'use strict'

// /buffer, /buffers and /leak

const { json } = require('./answers')
const { listedBuffers } = require('./buffers')
const { size } = require('./format')
const { labelParameter, numberParameter } = require('./parameters')
const { summary } = require('./report')

const keptParameters = {
  // To write the largest takes about half a second, in which nobody else is answered.
  mb: numberParameter({ from: 1, to: 1024, fallback: 1 }),
  label: labelParameter({ fallback: 'kept' }),
}

const listParameters = {
  olderThanMs: numberParameter({ from: 0, to: Number.MAX_SAFE_INTEGER, unlessGiven: 'of any age' }),
  label: labelParameter({ unlessGiven: 'with any label' }),
  // A leak has thousands of them, of which a few tell all.
  top: numberParameter({ from: 1, to: 10_000, fallback: 100 }),
}

function keepBuffer(holdings, { query }) {
  holdings.keepBuffer(query)
  return json(200, summary(holdings))
}

function listBuffers(_holdings, { query }) {
  return json(200, { buffers: listedBuffers(query) })
}

/** GET and POST start it, DELETE ends it and drops what it took. */
function leak(holdings, { method }) {
  if (method === 'DELETE') {
    const ended = readableLeak(holdings.leak)
    holdings.leak.end()
    return json(200, { ended, ...summary(holdings) })
  }
  holdings.leak.start()
  return json(200, { leak: readableLeak(holdings.leak), ...summary(holdings) })
}

function readableLeak(leak) {
  const { count, bytes } = leak.summary()
  const { bufferBytes, mostBytes, ...rest } = leak.plan
  return { count, ...size(bytes), ...rest, buffer: size(bufferBytes), most: size(mostBytes) }
}

module.exports = { keepBuffer, keptParameters, leak, listBuffers, listParameters }
