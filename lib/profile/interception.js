'use strict'

// Puts a listener between JavaScript and all it allocates buffers with, and takes it away without a trace.
//
// Constructors are replaced on the global object and as `constructor` of their prototypes. So `Symbol.species` leads
// to the replacements too, and slice(), map(), filter(), from() and of() need nothing more. What allocates without a
// constructor that could be replaced is a method, and replaced as such.
//
// Properties are written and put back by all fields of their descriptors: node:vm and proxies keep none that is not
// passed.
//
// Replacements are made once per thread: a class that extends one, or code that keeps one, goes on to work after the
// profile has stopped, and is seen again when the next one starts.

const { Buffer } = require('node:buffer')
const { invalidState } = require('../validate')
const { globalObject } = require('./global-object')
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

const { defineProperty, deleteProperty, getOwnPropertyDescriptor, getPrototypeOf, ownKeys } = Reflect

/** Where, which, and what makes the replacement. A Node that lacks one of them needs none. */
const METHODS = [
  [Uint8Array, ['fromBase64', 'fromHex'], viewMethod],
  [Buffer, ['alloc', 'allocUnsafeSlow', 'of'], ownBufferMethod],
  [Buffer, ['allocUnsafe', 'concat', 'copyBytesFrom', 'from'], sharedBufferMethod],
  [ArrayBuffer.prototype, ['transfer', 'transferToFixedLength'], transferMethod],
  [ArrayBuffer.prototype, ['resize'], resizeMethod],
  [SharedArrayBuffer.prototype, ['grow'], resizeMethod],
]

/** Those of every `%TypedArray%.prototype`: test runners give their contexts some constructors of the outer realm. */
const VIEW_METHODS = ['toReversed', 'toSorted', 'with']

/** By original, its replacement. */
const replacements = new Map()
/** What takes the changes back. */
let undoings = []

/** From now on `listener` is told of every allocation. */
function intercept(listener) {
  try {
    const constructors = globalConstructors()
    const parents = constructors.map(({ seen }) => getPrototypeOf(seen.value)).filter(isTypedArrayParent)
    for (const { prototype } of new Set([TypedArray, ...parents])) {
      for (const key of VIEW_METHODS) replace(prototype, key, 'value', viewMethod)
    }
    for (const [object, keys, make] of METHODS) {
      for (const key of keys) replace(object, key, 'value', make)
    }
    replace(Buffer, Symbol.species, 'get', speciesGetter)
    const holder = globalObject()
    for (const found of constructors) replaceConstructor(holder, found)
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
function globalConstructors() {
  return ownKeys(globalThis)
    .filter((name) => typeof name === 'string' && /Array(Buffer)?$/.test(name))
    .map((name) => ({ name, seen: getOwnPropertyDescriptor(globalThis, name) }))
    .map(({ name, seen }) => ({ name, seen, make: makerOf(name, seen.value) }))
    .filter(({ make }) => make)
}

function makerOf(name, value) {
  if (typeof value !== 'function') return null
  if (name === 'ArrayBuffer' || name === 'SharedArrayBuffer') return bufferConstructor
  return isTypedArrayParent(getPrototypeOf(value)) ? viewConstructor : null
}

/** Whether it is `%TypedArray%`, of this realm or another. */
function isTypedArrayParent(value) {
  return typeof value === 'function' && value.name === 'TypedArray'
}

function replaceConstructor(holder, { name, seen, make }) {
  const original = seen.value
  const replacement = replace(holder, name, 'value', make, seen)
  const { prototype } = original
  if (prototype.constructor === original) replace(prototype, 'constructor', 'value', make)
  // What users put on a constructor, such as a polyfill, is found on both, whenever they do.
  mirror(original, replacement)
  const before = Object.getOwnPropertyDescriptors(replacement)
  undoings.push(() => mirror(replacement, original, before))
}

/**
 * Replaces the function in one `field`, `value` or `get`, of a property's descriptor. `seen` is the descriptor that the
 * realm sees; the object itself may have none.
 */
function replace(object, key, field, make, seen = getOwnPropertyDescriptor(object, key)) {
  if (!seen) return undefined
  const original = seen[field]
  const before = getOwnPropertyDescriptor(object, key)
  if (!seen.configurable || typeof original !== 'function') throw cannotReplace(key)
  if (!replacements.has(original)) replacements.set(original, make(original))
  const replacement = replacements.get(original)
  if (!defineProperty(object, key, { ...seen, [field]: replacement })) throw cannotReplace(key)
  undoings.push(() => {
    if (getOwnPropertyDescriptor(object, key)?.[field] !== replacement) return
    // Either gives false if it was frozen: the others have to be put back all the same.
    if (before) defineProperty(object, key, before)
    else deleteProperty(object, key)
  })
  return replacement
}

function cannotReplace(key) {
  return invalidState(`${String(key)} cannot be replaced: built-in objects are frozen`)
}

module.exports = { intercept, restore }
