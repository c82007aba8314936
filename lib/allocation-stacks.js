'use strict'

// Where the buffers on the books were allocated, as far as a profile of this thread saw it.

const native = require('../native')
const { describeCallers, isRunning, profile, stackOf } = require('./buffer-profile')

/** By the address of the memory. An entry stands until the address is put on the books again. */
const stacks = new Map()

/** `memory` was allocated by the caller of `below`. */
function allocated(memory, below) {
  note(memory, isRunning() ? describeCallers(below) : null)
}

/** `memory` was allocated somewhere, and the profile may have sampled it. */
function tracked(memory) {
  note(memory, stackOf(memory))
}

function note(memory, stack) {
  if (!stack && stacks.size === 0) return
  const address = native.addressOf(new Uint8Array(memory))
  if (stack) stacks.set(address, stack)
  else stacks.delete(address)
}

function of(address) {
  return stacks.get(address)
}

module.exports = { allocated, of, profile, tracked }
