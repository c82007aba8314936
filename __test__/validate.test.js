'use strict'

const assert = require('node:assert/strict')
const { setDefaultResultOrder } = require('node:dns')
const { EventEmitter, addAbortListener } = require('node:events')
const { readSync } = require('node:fs')
const { getPriority } = require('node:os')
const { join } = require('node:path')
const { monitorEventLoopDelay } = require('node:perf_hooks')
const { describe, it } = require('node:test')
const { runInNewContext } = require('node:vm')
const {
  validateAbortSignal,
  validateBoolean,
  validateInteger,
  validateNumber,
  validateOptions,
  validateString,
} = require('../lib/validate')

class Shape {}

/** One value of every kind that Node words differently. */
const VALUES = [
  null,
  true,
  7n,
  2n ** 70n,
  Symbol('dot'),
  '',
  '7',
  'x'.repeat(28),
  'x'.repeat(29),
  'abcdefghij'.repeat(9),
  "it's",
  'say "x"',
  `it's "x"`,
  `it's ${'long '.repeat(9)}`,
  'line\nfeed',
  "it's\n",
  () => {},
  function named() {},
  Shape,
  [],
  [1, 2],
  {},
  { a: { b: 1 } },
  new Shape(),
  new Date(0),
  new Map([[1, 2]]),
  new Proxy({}, {}),
  Object.create(null),
  Object.assign(Object.create(null), { a: { b: 1 } }),
  Object.assign(new Shape(), { constructor: undefined }),
]
/** Several options of Node are not looked at when they are falsy. */
const TRUTHY = VALUES.filter(Boolean)
const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value)

function thrownBy(call) {
  try {
    call()
  } catch (error) {
    return { class: error.constructor.name, name: error.name, code: error.code, message: error.message }
  }
  return 'nothing was thrown'
}

/** Both must throw, and the same: the class, the code and every character. */
function assertSame(values, ours, nodes) {
  for (const value of values) {
    const expected = thrownBy(() => nodes(value))
    assert.ok(expected.code?.startsWith('ERR_'), `Node must refuse ${typeof value}: ${expected}`)
    // Node's classes are subclasses that go by the names of the classes they extend.
    assert.deepEqual(
      thrownBy(() => ours(value)),
      { ...expected, class: expected.name },
    )
  }
}

describe('validateInteger()', () => {
  const int32 = [-(2 ** 31), 2 ** 31 - 1]

  it('refuses what is no number as Node does', () => {
    assertSame(VALUES, (value) => validateInteger(value, 'pid', ...int32), getPriority)
  })

  it('refuses fractions and what lies outside the bounds as Node does', () => {
    const values = [
      NaN,
      Infinity,
      -Infinity,
      1.5,
      -0.1,
      0.1 + 0.2,
      1e-7,
      2 ** 31,
      2 ** 32,
      2 ** 32 + 1,
      -(2 ** 40),
    ]
    assertSame([...values, 2 ** 53], (value) => validateInteger(value, 'pid', ...int32), getPriority)
  })

  it('has the safe integers for bounds by default, as in Node', () => {
    const buffer = Buffer.alloc(1)
    const read = (offset) => readSync(0, buffer, offset, 1, 0)
    assertSame([-1, 2 ** 53, 1.5, '1', true], (value) => validateInteger(value, 'offset', 0), read)
    validateInteger(Number.MIN_SAFE_INTEGER, 'any')
    validateInteger(Number.MAX_SAFE_INTEGER, 'any')
  })

  it('takes the bounds themselves, and zero of either sign', () => {
    for (const value of [-1, -0, 0, 1]) assert.equal(validateInteger(value, 'any', -1, 1), undefined)
  })

  it('writes exponents as they are, which Node breaks up', () => {
    const { message } = thrownBy(() => validateInteger(1e21, 'pid', 1, 9))
    assert.equal(message, 'The value of "pid" is out of range. It must be >= 1 && <= 9. Received 1e+21')
  })
})

describe('validateNumber()', () => {
  it('refuses as Node does', () => {
    const set = (value) => new EventEmitter().setMaxListeners(value)
    const values = [...VALUES, undefined, NaN, -1, -1.5, -Infinity, -(2 ** 40)]
    assertSame(values, (value) => validateNumber(value, 'setMaxListeners', 0), set)
  })

  it('names the bounds that there are', () => {
    const range = (...bounds) => thrownBy(() => validateNumber(NaN, 'ratio', ...bounds)).message
    const message = (text) => `The value of "ratio" is out of range. It must be ${text}. Received NaN`
    assert.equal(range(0, 1.5), message('>= 0 && <= 1.5'))
    assert.equal(range(undefined, 1.5), message('<= 1.5'))
    assert.equal(range(0), message('>= 0'))
  })

  it('takes any number without bounds, and the bounds themselves', () => {
    for (const value of [NaN, -Infinity, 0.5]) assert.equal(validateNumber(value, 'any'), undefined)
    for (const value of [0.5, 1, 1.5]) assert.equal(validateNumber(value, 'any', 0.5, 1.5), undefined)
    validateNumber(Infinity, 'any', 0)
  })
})

describe('validateBoolean()', () => {
  it('refuses as Node does', () => {
    const emitter = (captureRejections) => new EventEmitter({ captureRejections })
    const ours = (value) => validateBoolean(value, 'options.captureRejections')
    assertSame([...TRUTHY.filter((value) => value !== true), 1, -1.5], ours, emitter)
  })

  it('takes both booleans and nothing that only looks like one', () => {
    for (const value of [true, false]) assert.equal(validateBoolean(value, 'any'), undefined)
    for (const value of [undefined, null, 0, '', NaN]) {
      assert.equal(thrownBy(() => validateBoolean(value, 'any')).code, 'ERR_INVALID_ARG_TYPE')
    }
  })
})

describe('validateString()', () => {
  it('refuses as Node does, and takes any text', () => {
    const values = [...VALUES.filter((value) => typeof value !== 'string'), undefined, 5, NaN]
    assertSame(values, (value) => validateString(value, 'path'), join)
    for (const text of ['', 'x', 'line\nfeed']) assert.equal(validateString(text, 'any'), undefined)
  })
})

describe('validateOptions()', () => {
  const names = ['budgetMs', 'regions']

  it('refuses what is no plain object as Node does', () => {
    const values = [...VALUES.filter((value) => !isObject(value)), 5, -0, NaN, 2 ** 40]
    assertSame(values, (value) => validateOptions(value, names), monitorEventLoopDelay)
  })

  it('takes every subset of the names, whatever the values, on objects of any make', () => {
    const objects = [
      {},
      { budgetMs: 'x' },
      { regions: undefined, budgetMs: null },
      Object.create(null),
      new Shape(),
    ]
    for (const options of objects) assert.equal(validateOptions(options, names), undefined)
  })

  it('does not look at what an options object inherits', () => {
    validateOptions(Object.create({ verbose: true }), names)
  })

  it('refuses an unknown name by name, even when its value is undefined', () => {
    assert.deepEqual(
      thrownBy(() => validateOptions({ regions: true, budgetms: 5 }, names)),
      {
        class: 'TypeError',
        name: 'TypeError',
        code: 'ERR_INVALID_ARG_VALUE',
        message: "The property 'options.budgetms' is unknown; known are budgetMs, regions. Received 5",
      },
    )
    assert.match(
      thrownBy(() => validateOptions({ x: undefined }, names)).message,
      /'options.x'.*Received undefined$/,
    )
  })

  it('writes the value of an unknown name as Node does', () => {
    const values = [...TRUTHY, 'x'.repeat(200), { a: { b: { c: { d: 1 } } } }, 2 ** 40]
    const tail = (text) => text.slice(text.indexOf('. Received '))
    for (const value of values) {
      const expected = thrownBy(() => setDefaultResultOrder(value)) // names the value in the same way
      assert.equal(expected.code, 'ERR_INVALID_ARG_VALUE')
      const ours = thrownBy(() => validateOptions({ encoding: value }, names))
      assert.equal(tail(ours.message), tail(expected.message))
    }
  })
})

describe('validateAbortSignal()', () => {
  it('refuses as Node does', () => {
    const listen = (signal) => addAbortListener(signal, () => {})
    const values = [...VALUES, 5, AbortSignal, new AbortController()]
    assertSame(values, (value) => validateAbortSignal(value, 'signal'), listen)
  })

  it('takes signals of any make, and none', () => {
    const foreign = runInNewContext('({ aborted: false })')
    for (const signal of [undefined, new AbortController().signal, AbortSignal.abort(), foreign]) {
      assert.equal(validateAbortSignal(signal, 'options.signal'), undefined)
    }
  })

  it('calls a value in the options a property', () => {
    assert.equal(
      thrownBy(() => validateAbortSignal('stop', 'options.signal')).message,
      `The "options.signal" property must be an instance of AbortSignal. Received type string ('stop')`,
    )
  })
})
