'use strict'

// What a new worker is to hold, as the query of /worker says: `{ kind, mb }`.

const { heapMegabyte, labelledBuffer, nativeMegabyte } = require('./megabyte')
const { choiceParameter, numberParameter } = require('./parameters')

/** Of the buffers of all workers. Whose each is, the books know besides. */
const LABEL = 'worker'

const MAKERS = { heap: heapMegabyte, buffer: bufferMegabyte, native: nativeMegabyte }

const wishParameters = {
  // A maximum that a worker reaches within V8's usual limit, in a second or two.
  mb: numberParameter({ from: 1, to: 1024, fallback: 2 }),
  kind: choiceParameter(Object.keys(MAKERS), { unlessGiven: 'half objects, half Buffers' }),
}

function bufferMegabyte() {
  return labelledBuffer(1, LABEL)
}

/** Makes the megabytes, one after the other; without a kind they take turns. */
function fulfil({ kind, mb }) {
  const makers = kind === undefined ? [heapMegabyte, bufferMegabyte] : [MAKERS[kind]]
  return Array.from({ length: mb }, (_, index) => makers[index % makers.length]())
}

module.exports = { fulfil, wishParameters }
