'use strict'

// Checks of arguments. What they throw reads as if Node itself had thrown it: same class, code and wording.
//
// `name` is what the message calls the value: 'pid' is an argument, 'options.budgetMs' a property.

const { inspect } = require('node:util')

/** Longer strings, and longer values of any other kind, are cut in messages. */
const MAX_STRING_LENGTH = 28
const MAX_INSPECTED_LENGTH = 128

function validateBoolean(value, name) {
  if (typeof value !== 'boolean') throw invalidType(name, 'of type boolean', value)
}

/** A number from `min` to `max`; without bounds any number, NaN included. */
function validateNumber(value, name, min, max) {
  if (typeof value !== 'number') throw invalidType(name, 'of type number', value)
  const bounds = []
  if (min !== undefined) bounds.push(`>= ${min}`)
  if (max !== undefined) bounds.push(`<= ${max}`)
  if (bounds.length === 0) return
  const inside = value >= (min ?? -Infinity) && value <= (max ?? Infinity) // which NaN never is
  if (!inside) throw outOfRange(name, bounds.join(' && '), value)
}

/** A whole number from `min` to `max`, by default one that a double holds exactly. */
function validateInteger(value, name, min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER) {
  if (typeof value === 'number' && !Number.isInteger(value)) throw outOfRange(name, 'an integer', value)
  validateNumber(value, name, min, max)
}

/** An object whose own properties all have one of `names`. Options that may be left out default to `{}` before. */
function validateOptions(options, names) {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw invalidType('options', 'of type object', options)
  }
  // Without the list of names that Object.keys() would make: some functions take options a million times.
  for (const name in options) {
    if (!names.includes(name) && Object.hasOwn(options, name)) {
      throw invalidValue(`options.${name}`, `is unknown; known are ${names.join(', ')}`, options[name])
    }
  }
}

function validateString(value, name) {
  if (typeof value !== 'string') throw invalidType(name, 'of type string', value)
}

/** An AbortSignal of any realm or polyfill, or `undefined`. */
function validateAbortSignal(signal, name) {
  if (signal === undefined) return
  if (typeof signal !== 'object' || signal === null || !('aborted' in signal)) {
    throw invalidType(name, 'an instance of AbortSignal', signal)
  }
}

function invalidType(name, expected, value) {
  const message = `The "${name}" ${kind(name)} must be ${expected}. Received ${describe(value)}`
  return withCode(new TypeError(message), 'ERR_INVALID_ARG_TYPE')
}

function outOfRange(name, range, value) {
  const message = `The value of "${name}" is out of range. It must be ${range}. Received ${grouped(value)}`
  return withCode(new RangeError(message), 'ERR_OUT_OF_RANGE')
}

function invalidValue(name, reason, value) {
  const received = shortened(inspect(value), MAX_INSPECTED_LENGTH)
  const message = `The ${kind(name)} '${name}' ${reason}. Received ${received}`
  return withCode(new TypeError(message), 'ERR_INVALID_ARG_VALUE')
}

/** To throw where a call comes too early, too late or twice. */
function invalidState(reason) {
  return withCode(new Error(`Invalid state: ${reason}`), 'ERR_INVALID_STATE')
}

function withCode(error, code) {
  error.code = code
  return error
}

function kind(name) {
  return name.includes('.') ? 'property' : 'argument'
}

/** What a value is, in Node's words for a value of the wrong type. */
function describe(value) {
  if (value === null || value === undefined) return String(value)
  if (typeof value === 'function') return `function ${value.name}`
  if (typeof value === 'object') {
    const className = value.constructor?.name
    return className ? `an instance of ${className}` : inspect(value, { depth: -1 })
  }
  return `type ${typeof value} (${literal(value)})`
}

function literal(value) {
  if (typeof value !== 'string') return inspect(value)
  const text = shortened(value, MAX_STRING_LENGTH, MAX_STRING_LENGTH - 3)
  return text.includes("'") ? JSON.stringify(text) : `'${text}'`
}

function shortened(text, longest, kept = longest) {
  return text.length > longest ? `${text.slice(0, kept)}...` : text
}

/** A number with its thousands told apart, where Node does so: 4_294_967_297. */
function grouped(number) {
  const digits = String(number)
  return Math.abs(number) > 2 ** 32 && Number.isInteger(number)
    ? digits.replace(/\B(?=(\d{3})+$)/g, '_')
    : inspect(number)
}

module.exports = {
  invalidState,
  invalidType,
  invalidValue,
  outOfRange,
  validateAbortSignal,
  validateBoolean,
  validateInteger,
  validateNumber,
  validateOptions,
  validateString,
}
