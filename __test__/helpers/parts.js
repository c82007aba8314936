'use strict'

/** Names of the parts of a breakdown, in the order of the contract. */
const PARTS = [
  'code',
  'jit',
  'v8Heap',
  'v8Pool',
  'nativeHeap',
  'stacks',
  'mappedFiles',
  'sharedMemory',
  'other',
]

module.exports = { PARTS }
