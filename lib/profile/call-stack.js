'use strict'

// The stack of the running call.
//
// Error.captureStackTrace with the two hooks of `Error` set for that moment, because it sees what
// util.getCallSites does not: the callers that an async function goes back to. It is also faster, and on Node 20.

/** As deep as Go's heap profile. */
const DEPTH = 64
const { captureStackTrace } = Error
const HOOKS = { stackTraceLimit: DEPTH, prepareStackTrace: (_, callSites) => callSites }

/** V8's call sites that led to `below`, its caller first. `below` is a function that is running. */
function captureStack(below) {
  const before = Object.keys(HOOKS).map((key) => [key, Reflect.getOwnPropertyDescriptor(Error, key)])
  try {
    for (const key in HOOKS) setHook(key, HOOKS[key])
    const holder = {}
    captureStackTrace(holder, below)
    return holder.stack
  } finally {
    for (const [key, descriptor] of before) {
      if (descriptor) Object.defineProperty(Error, key, descriptor)
      else delete Error[key]
    }
  }
}

/** By definition, not assignment: what users put there may be a setter. */
function setHook(key, value) {
  Object.defineProperty(Error, key, { value, writable: true, configurable: true })
}

module.exports = { captureStack }
