'use strict'

// The object on which this realm's globals can be replaced, and put back exactly as they were.
//
// In a context of node:vm `globalThis` is a screen with two objects behind it. Reading asks the object that was made
// the context first. Writing goes to both, with those attributes alone that are passed, and deleting takes from both.
// So what is written through `globalThis` is never gone again without a trace. On the contextified object itself it
// is: the realm sees what is put there, and when that is deleted sees its own again.

const { defineProperty, deleteProperty } = Reflect

/** The object behind `globalThis` in a context of node:vm, and `globalThis` itself everywhere else. */
function globalObject() {
  let found
  const key = Symbol('the object behind the global one')
  const get = function get() {
    found = this // node:vm reads from the object behind it, whose getters are called on it
  }
  if (!defineProperty(globalThis, key, { get, configurable: true })) return globalThis
  Reflect.get(globalThis, key)
  deleteProperty(globalThis, key)
  return found ?? globalThis
}

module.exports = { globalObject }
