'use strict'

// What buffers and views are in truth: subclasses may have getters of their own, which are not ours to call.

const { isAnyArrayBuffer, isArrayBuffer } = require('node:util/types')

const TypedArray = Object.getPrototypeOf(Uint8Array)

/** Bytes of a typed array. */
const viewBytes = getter(TypedArray.prototype, 'byteLength')
const viewBuffer = getter(TypedArray.prototype, 'buffer')
const unsharedBytes = getter(ArrayBuffer.prototype, 'byteLength')
const sharedBytes = getter(SharedArrayBuffer.prototype, 'byteLength')

/** Bytes of an ArrayBuffer or SharedArrayBuffer. */
function byteLengthOf(buffer) {
  return isArrayBuffer(buffer) ? unsharedBytes(buffer) : sharedBytes(buffer)
}

/** The buffer under a typed array, or the buffer itself. V8 moves a tiny array out of its heap for this. */
function bufferOf(value) {
  return isAnyArrayBuffer(value) ? value : viewBuffer(value)
}

/** A getter as a function of its object. */
function getter(prototype, key) {
  return Function.prototype.call.bind(Object.getOwnPropertyDescriptor(prototype, key).get)
}

module.exports = { TypedArray, bufferOf, byteLengthOf, viewBuffer, viewBytes }
