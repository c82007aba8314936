'use strict'

// The addon's errors as errors of the realm that this package was loaded in.
//
// Node-API makes its errors in the context that the environment began with. A test runner that loads the package in a
// vm context of its own has another `Error` there, of which they are no instances.

const CLASSES = { Error, RangeError, TypeError }

/** The addon as it is, or, in another realm than its own, with functions that throw errors of this one. */
function inThisRealm(addon) {
  if (addon.storeOutcomes instanceof Object) return addon
  return Object.fromEntries(
    Object.entries(addon).map(([name, value]) => [name, typeof value === 'function' ? wrap(value) : value]),
  )
}

function wrap(native) {
  return (...args) => {
    try {
      const answer = native(...args)
      // What can be given up comes with its number.
      if (Array.isArray(answer) && isPromise(answer[0])) return [wrapPromise(answer[0]), ...answer.slice(1)]
      return isPromise(answer) ? wrapPromise(answer) : answer
    } catch (error) {
      throw ownError(error)
    }
  }
}

function isPromise(value) {
  return typeof value?.then === 'function'
}

async function wrapPromise(promise) {
  try {
    return await promise
  } catch (error) {
    throw ownError(error)
  }
}

/** The same error, as an instance of the class of that name here. */
function ownError(foreign) {
  if (foreign instanceof Error || typeof foreign?.message !== 'string') return foreign
  const own = new (CLASSES[foreign.name] ?? Error)(foreign.message)
  const { stack, ...properties } = Object.getOwnPropertyDescriptors(foreign)
  // A stack is computed when it is asked for, and tells where its own object was made.
  if (stack) properties.stack = { value: foreign.stack, writable: true, configurable: true }
  return Object.defineProperties(own, properties)
}

module.exports = { inThisRealm, ownError }
