'use strict'

const { createSecretKey } = require('node:crypto')
const { externalBuffers } = require('rs-memusage')

const MEGABYTE = 1024 * 1024

/** An object of four fields takes 56 bytes of V8's heap, and its place in the array another 8. */
const OBJECTS_PER_MEGABYTE = MEGABYTE / 64

/** Half of what glibc maps on its own (128 KiB): keys of this size come from the arena of the thread. */
const KEY_BYTES = 64 * 1024
const KEYS_PER_MEGABYTE = MEGABYTE / KEY_BYTES
const keyMaterial = Buffer.alloc(KEY_BYTES, 1)

/** Ordinary objects that take 1 MiB of V8's heap. */
function heapMegabyte() {
  return Array.from({ length: OBJECTS_PER_MEGABYTE }, (_, index) => ({
    id: index,
    parent: index >> 1,
    visits: 0,
    next: null,
  }))
}

/**
 * Memory outside V8's heap, on the books under this label. Every byte is written, for a page that nobody has touched
 * is not resident.
 */
function labelledBuffer(megabytes, label) {
  return externalBuffers.track(Buffer.alloc(megabytes * MEGABYTE, 1), { label })
}

/** 1 MiB that is neither JavaScript nor Buffers, and that V8 is never told of: Node copies each key with malloc. */
function nativeMegabyte() {
  return Array.from({ length: KEYS_PER_MEGABYTE }, () => createSecretKey(keyMaterial))
}

module.exports = { MEGABYTE, heapMegabyte, labelledBuffer, nativeMegabyte }
