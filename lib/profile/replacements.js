'use strict'

// What takes the place of the functions that allocate: the same to look at and to call, and the listener is told.
//
// Plain functions: V8 inlines them, while `instanceof` through a Proxy would take five times as long, and bound
// functions would lend their names to objects. What remains visible is their source, in Function.prototype.toString,
// and in V8's messages a receiver that is `[object ArrayBuffer]` where it would be `#<ArrayBuffer>`.

const { Buffer } = require('node:buffer')
const { isAnyArrayBuffer, isNativeError } = require('node:util/types')
const { byteLengthOf, viewBuffer, viewBytes } = require('./memory-of')

const {
  apply,
  construct,
  defineProperty,
  getOwnPropertyDescriptor,
  getPrototypeOf,
  ownKeys,
  setPrototypeOf,
} = Reflect

const NOBODY = { allocated() {}, moved() {}, shrunk() {} }
let listener = NOBODY

/** The slab that Node cuts small Buffers from: on the bill of whoever gets the first piece of it. */
let slab
/** Methods of Buffer call each other; the outermost one counts. */
let insideBuffer = false

/** From now on `newListener` is told of what is allocated; see Sampler. Without one, nobody. */
function tell(newListener = NOBODY) {
  slab = newListener === NOBODY ? undefined : viewBuffer(Buffer.allocUnsafe(1))
  listener = newListener
}

/** A constructor; `memoryOf` tells from the result and the first argument how many bytes it allocated. */
function replacementConstructor(original, memoryOf) {
  // Without a name in its source: V8 would call objects by that one, in heap snapshots for example.
  const replacement = mirror(original, function (...args) {
    let result
    try {
      if (new.target === undefined) return apply(original, this, args) // throws, as it always does
      result = construct(original, args, new.target === replacement ? original : new.target)
    } catch (error) {
      throw withoutOurFrames(error)
    }
    const bytes = memoryOf(result, args[0])
    if (bytes > 0) listener.allocated(result, bytes, replacement)
    return result
  })
  setPrototypeOf(replacement, getPrototypeOf(original))
  return replacement
}

function bufferConstructor(original) {
  return replacementConstructor(original, byteLengthOf)
}

function viewConstructor(original) {
  return replacementConstructor(original, (view, source) => (isBuffer(source) ? 0 : viewBytes(view)))
}

/** Buffer's own class is not `Buffer` but hidden behind its species, of which map() and filter() make one. */
function speciesGetter(original) {
  const replacement = viewConstructor(original.call(Buffer))
  return () => replacement
}

/** A method that gives a view of new memory. */
function viewMethod(original) {
  const { method } = {
    method(...args) {
      const result = call(original, this, args)
      listener.allocated(result, viewBytes(result), method)
      return result
    },
  }
  return mirror(original, method)
}

/** A method of Buffer that gives a Buffer of its own. */
function ownBufferMethod(original) {
  return bufferMethod(original, viewBytes)
}

/** A method of Buffer that gives a piece of the slab if a small Buffer will do, or a view of what it was given. */
function sharedBufferMethod(original) {
  return bufferMethod(original, (result, source) => (isBuffer(source) ? 0 : newMemoryUnder(result)))
}

function bufferMethod(original, memoryOf) {
  const { method } = {
    method(...args) {
      if (insideBuffer) return apply(original, this, args)
      let result
      insideBuffer = true
      try {
        result = apply(original, this, args)
      } catch (error) {
        throw withoutOurFrames(error)
      } finally {
        insideBuffer = false
      }
      const bytes = memoryOf(result, args[0])
      if (bytes > 0) listener.allocated(result, bytes, method)
      return result
    },
  }
  return mirror(original, method)
}

function newMemoryUnder(view) {
  const bytes = viewBytes(view)
  if (bytes === 0) return 0
  const buffer = viewBuffer(view)
  if (buffer === slab) return 0
  const total = byteLengthOf(buffer)
  if (bytes < total / 2) slab = buffer // Node cuts no larger pieces
  return total
}

/** A method that gives the memory of one buffer to a new one, or more or less memory instead. */
function transferMethod(original) {
  const { method } = {
    method(...args) {
      const before = isAnyArrayBuffer(this) ? byteLengthOf(this) : 0
      const result = call(original, this, args)
      const bytes = byteLengthOf(result)
      if (bytes === before) listener.moved(this, result)
      else listener.allocated(result, bytes, method)
      return result
    },
  }
  return mirror(original, method)
}

/** A method that changes the size of a buffer where it is. */
function resizeMethod(original) {
  const { method } = {
    method(...args) {
      const before = isAnyArrayBuffer(this) ? byteLengthOf(this) : 0
      const result = call(original, this, args)
      const after = byteLengthOf(this)
      if (after > before) listener.allocated(this, after - before, method, before)
      else if (after < before) listener.shrunk(this, after)
      return result
    },
  }
  return mirror(original, method)
}

function call(original, self, args) {
  try {
    return apply(original, self, args)
  } catch (error) {
    throw withoutOurFrames(error)
  }
}

/** Users see errors as if we had not been there. */
function withoutOurFrames(error) {
  if (!isNativeError(error)) return error
  const { stack } = error
  if (typeof stack !== 'string' || !stack.includes(__filename)) return error
  const lines = stack.split('\n').filter((line) => !line.includes(`${__filename}:`))
  Reflect.set(error, 'stack', lines.join('\n'))
  return error
}

/** Cheap for what it mostly gets: numbers and strings. */
function isBuffer(value) {
  return typeof value === 'object' && isAnyArrayBuffer(value)
}

/** Gives `to` the own properties of `from`, but those that are as in `before`. */
function mirror(from, to, before = {}) {
  for (const key of ownKeys(from)) {
    const now = getOwnPropertyDescriptor(from, key)
    if (now.value !== before[key]?.value || now.get !== before[key]?.get) defineProperty(to, key, now)
  }
  return to
}

module.exports = {
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
}
