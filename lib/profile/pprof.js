'use strict'

// The profile that `pprof` reads: profile.proto of github.com/google/pprof, compressed.

const { gzipSync } = require('node:zlib')
const { pathOf } = require('./frame-text')
const { Message } = require('./protobuf')

/** Numbers of the fields in profile.proto. */
const PROFILE = {
  sampleType: 1,
  sample: 2,
  location: 4,
  function: 5,
  stringTable: 6,
  timeNanos: 9,
  durationNanos: 10,
  periodType: 11,
  period: 12,
  defaultSampleType: 14,
}
const VALUE_TYPE = { type: 1, unit: 2 }
const SAMPLE = { locationId: 1, value: 2 }
const LOCATION = { id: 1, line: 4 }
const LINE = { functionId: 1, line: 2, column: 3 }
const FUNCTION = { id: 1, name: 2, systemName: 3, filename: 4 }

const NANOSECONDS = 1e6

function toPprof(sites, { sampleBytes, startedAt, durationMs }) {
  const strings = new Table()
  const functions = new Table()
  const locations = new Table()
  const profile = new Message()
  strings.idOf('') // the first one must be

  const valueType = (type, unit) =>
    new Message().number(VALUE_TYPE.type, strings.idOf(type)).number(VALUE_TYPE.unit, strings.idOf(unit))

  function locationOf(frame) {
    const functionKey = JSON.stringify([functionName(frame), pathOf(frame)])
    const functionId = functions.idOf(functionKey, frame) + 1 // 0 would mean none
    return locations.idOf(`${functionId}:${frame.line}:${frame.column}`, { functionId, frame }) + 1
  }

  profile.message(PROFILE.sampleType, valueType('inuse_objects', 'count'))
  profile.message(PROFILE.sampleType, valueType('inuse_space', 'bytes'))
  for (const { stack, count, bytes } of sites) {
    profile.message(
      PROFILE.sample,
      new Message()
        .numbers(SAMPLE.locationId, stack.map(locationOf))
        .numbers(SAMPLE.value, [Math.round(count), Math.round(bytes)]),
    )
  }
  for (const [id, { functionId, frame }] of locations.entries()) {
    const line = new Message()
      .number(LINE.functionId, functionId)
      .number(LINE.line, frame.line ?? 0)
      .number(LINE.column, frame.column ?? 0)
    profile.message(PROFILE.location, new Message().number(LOCATION.id, id + 1).message(LOCATION.line, line))
  }
  for (const [id, frame] of functions.entries()) {
    const name = strings.idOf(functionName(frame))
    profile.message(
      PROFILE.function,
      new Message()
        .number(FUNCTION.id, id + 1)
        .number(FUNCTION.name, name)
        .number(FUNCTION.systemName, name)
        .number(FUNCTION.filename, strings.idOf(pathOf(frame))),
    )
  }
  profile
    .number(PROFILE.timeNanos, startedAt * NANOSECONDS)
    .number(PROFILE.durationNanos, Math.round(durationMs * NANOSECONDS))
    .message(PROFILE.periodType, valueType('space', 'bytes'))
    .number(PROFILE.period, sampleBytes)
    .number(PROFILE.defaultSampleType, strings.idOf('inuse_space'))
  for (const [, text] of strings.entries()) profile.string(PROFILE.stringTable, text)
  return gzipSync(profile.toBuffer())
}

/** pprof takes functions of one name and file for one and the same. */
function functionName(frame) {
  return frame.functionName || `(anonymous:${frame.line}:${frame.column})`
}

/** Numbers things in the order in which their keys are first seen. */
class Table {
  #ids = new Map()
  #values = []

  idOf(key, value = key) {
    if (!this.#ids.has(key)) this.#ids.set(key, this.#values.push(value) - 1)
    return this.#ids.get(key)
  }

  entries() {
    return this.#values.entries()
  }
}

module.exports = { toPprof }
