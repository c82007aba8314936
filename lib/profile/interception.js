'use strict'

// Puts a listener between JavaScript and all it allocates buffers with, and takes it away without a trace.
//
// Constructors are replaced on the global object and as `constructor` of their prototypes. So `Symbol.species` leads
// to the replacements too, and slice(), map(), filter(), from() and of() need nothing more. What allocates without a
// constructor that could be replaced is a method, and replaced as such.
//
// Replacements are made once per thread: a class that extends one, or code that keeps one, goes on to work after the
// profile has stopped, and is seen again when the next one starts.

const { Buffer } = require('node:buffer')
const { invalidState } = require('../validate')
const { TypedArray } = require('./memory-of')
const {
  bufferConstructor,
  mirror,
  ownBufferMethod,
  resizeMethod,
  sharedBufferMethod,
  speciesGetter,
  tell,
  transferMethod,
  viewConstructor,
  viewMethod,
} = require('./replacements')

const { getOwnPropertyDescriptor, getPrototypeOf, ownKeys } = Reflect
const { defineProperty } = Object // which throws where that of Reflect gives false

/** Where, which, and what makes the replacement. A Node that lacks one of them needs none. */
const METHODS = [
  [TypedArray.prototype, ['toReversed', 'toSorted', 'with'], viewMethod],
  [Uint8Array, ['fromBase64', 'fromHex'], viewMethod],
  [Buffer, ['alloc', 'allocUnsafeSlow', 'of'], ownBufferMethod],
  [Buffer, ['allocUnsafe', 'concat', 'copyBytesFrom', 'from'], sharedBufferMethod],
  [ArrayBuffer.prototype, ['transfer', 'transferToFixedLength'], transferMethod],
  [ArrayBuffer.prototype, ['resize'], resizeMethod],
  [SharedArrayBuffer.prototype, ['grow'], resizeMethod],
]

/** By original, its replacement. */
const replacements = new Map()
/** What takes the changes back. */
let undoings = []

/** From now on `listener` is told of every allocation. */
function intercept(listener) {
  try {
    for (const [object, keys, make] of METHODS) {
      for (const key of keys) replace(object, key, 'value', make)
    }
    replace(Buffer, Symbol.species, 'get', speciesGetter)
    for (const name of constructorNames()) replaceConstructor(name)
    tell(listener)
  } catch (error) {
    restore()
    throw error
  }
}

/**
 * Takes everything back, but what others have put in the place of ours meanwhile, and what they have frozen: that goes
 * on to work, and tells nobody.
 */
function restore() {
  tell()
  for (const undo of undoings.reverse()) undo()
  undoings = []
}

/** By name: to look at every global would make Node load fetch() and others that wait to be needed. */
function constructorNames() {
  return ownKeys(globalThis).filter((name) => typeof name === 'string' && /Array(Buffer)?$/.test(name))
}

function replaceConstructor(name) {
  const original = getOwnPropertyDescriptor(globalThis, name).value
  const make = makerOf(name, original)
  if (!make) return
  const replacement = replace(globalThis, name, 'value', make)
  const { prototype } = original
  if (prototype.constructor === original) replace(prototype, 'constructor', 'value', make)
  // What users put on a constructor, such as a polyfill, is found on both, whenever they do.
  mirror(original, replacement)
  const before = Object.getOwnPropertyDescriptors(replacement)
  undoings.push(() => mirror(replacement, original, before))
}

function makerOf(name, value) {
  if (typeof value !== 'function') return null
  if (name === 'ArrayBuffer' || name === 'SharedArrayBuffer') return bufferConstructor
  return getPrototypeOf(value) === TypedArray ? viewConstructor : null
}

/** Replaces the function in one `field`, `value` or `get`, of a property's descriptor. */
function replace(object, key, field, make) {
  const before = getOwnPropertyDescriptor(object, key)
  if (!before) return undefined
  const original = before[field]
  if (!before.configurable || typeof original !== 'function') {
    throw invalidState(`${String(key)} cannot be replaced: built-in objects are frozen`)
  }
  if (!replacements.has(original)) replacements.set(original, make(original))
  const replacement = replacements.get(original)
  defineProperty(object, key, { [field]: replacement }) // its other attributes stay
  undoings.push(() => {
    if (getOwnPropertyDescriptor(object, key)?.[field] === replacement) {
      Reflect.defineProperty(object, key, before) // false if it was frozen: the others have to be put back all the same
    }
  })
  return replacement
}

module.exports = { intercept, restore }
