'use strict'

const MEGABYTE = 1024 * 1024

/** An object of four fields takes 56 bytes of V8's heap, and its place in the array another 8. */
const OBJECTS_PER_MEGABYTE = MEGABYTE / 64

/** Ordinary objects that take 1 MiB of V8's heap. */
function heapMegabyte() {
  return Array.from({ length: OBJECTS_PER_MEGABYTE }, (_, index) => ({
    id: index,
    parent: index >> 1,
    visits: 0,
    next: null,
  }))
}

/** 1 MiB outside V8's heap. Every byte is written, for a page that nobody has touched is not resident. */
function bufferMegabyte() {
  return Buffer.alloc(MEGABYTE, 1)
}

module.exports = { MEGABYTE, heapMegabyte, bufferMegabyte }
