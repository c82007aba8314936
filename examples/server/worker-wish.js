'use strict'

// What a new worker is to hold, as the query of /worker says: `{ kind, mb }`.

const { bufferMegabyte, heapMegabyte, nativeMegabyte } = require('./megabyte')
const { wholeNumber } = require('./whole-number')

/** A maximum that a worker reaches within V8's usual limit, in a second or two. */
const MB = { from: 1, to: 1024, fallback: 2 }

const MAKERS = { heap: heapMegabyte, buffer: bufferMegabyte, native: nativeMegabyte }
const KINDS = Object.keys(MAKERS)

const ALLOWED = {
  mb: `a whole number from ${MB.from} to ${MB.to}`,
  kind: `${KINDS.slice(0, -1).join(', ')} or ${KINDS.at(-1)}`,
}

/** For the list of routes. */
const wishQuery = {
  mb: `${ALLOWED.mb}; ${MB.fallback} unless given`,
  kind: `${ALLOWED.kind}; half objects, half Buffers unless given`,
}

/** A parameter that makes no sense: the client's to mend, so it is told what would. */
class BadParameter extends Error {
  constructor(parameter, text) {
    super(`${parameter} must be ${ALLOWED[parameter]}, not ${JSON.stringify(text)}.`)
    this.parameter = parameter
    this.allowed = ALLOWED[parameter]
  }
}

function readWish(query) {
  const mb = only(query, 'mb')
  const kind = only(query, 'kind')
  const megabytes = mb === undefined ? MB.fallback : wholeNumber(mb, MB)
  if (megabytes === undefined) throw new BadParameter('mb', mb)
  if (kind !== undefined && !KINDS.includes(kind)) throw new BadParameter('kind', kind)
  return { kind, mb: megabytes }
}

/** Undefined if it is not there. Two of a name are no value that any parameter has: "1, 2". */
function only(query, name) {
  return query.has(name) ? query.getAll(name).join(', ') : undefined
}

/** Makes the megabytes, one after the other; without a kind they take turns. */
function fulfil({ kind, mb }) {
  const makers = kind === undefined ? [heapMegabyte, bufferMegabyte] : [MAKERS[kind]]
  return Array.from({ length: mb }, (_, index) => makers[index % makers.length]())
}

module.exports = { BadParameter, fulfil, readWish, wishQuery }
