'use strict'

// Where the buffers on the books were allocated, as far as a profile of this thread saw it.
//
// By the serial number of the entry on the books: an address comes back, in any thread. What is kept of a buffer is a
// place in a tree of calls, which all buffers that were allocated there share.

const { describeStack, isRunning, profile, stackBelow, stackOf, watched } = require('./buffer-profile')
const { SiteTree } = require('./profile/site-tree')

/** The dead are sought when there are this many entries, or twice as many as were alive last time. */
const FIRST_SWEEP = 1024

/** By serial number: `site`, a node of the tree, and `books` with the `key` by which they tell what is alive. */
const entries = new Map()
let sites = new SiteTree()
let sweepAt = FIRST_SWEEP
/** Held by nobody: V8 finds it dead at its next full garbage collection, as it does buffers. */
const collections = new FinalizationRegistry(sweepAgain)
let isWaiting = false

/** `memory` was allocated by the caller of `below`. */
function allocated(books, memory, below) {
  if (!isRunning()) return
  watched(memory, below)
  note(books, memory, stackBelow(below))
}

/** `memory` was allocated somewhere, and the profile may have sampled it. */
function tracked(books, memory) {
  const stack = stackOf(memory)
  if (stack) note(books, memory, stack)
}

function note(books, memory, stack) {
  const key = books.keyOf(memory)
  const serial = books.serialAt(key)
  if (serial === undefined) return
  entries.set(serial, { books, key, site: sites.at(stack) })
  if (entries.size >= sweepAt) sweep()
  waitForCollection()
}

/** The stack of an entry, a frame a line. */
function of(serial) {
  const entry = entries.get(serial)
  return entry ? describeStack(entry.site.stack) : null
}

/** Lets go of the dead, and of places that nothing alive was allocated at. */
function sweep() {
  const held = new Set()
  for (const [serial, { books, key, site }] of entries) {
    if (books.serialAt(key) === serial) held.add(site)
    else entries.delete(serial)
  }
  if (held.size === 0) sites = new SiteTree()
  else sites.root.prune((site) => held.has(site))
  sweepAt = Math.max(FIRST_SWEEP, 2 * entries.size)
}

function sweepAgain() {
  isWaiting = false
  sweep()
  waitForCollection()
}

function waitForCollection() {
  if (isWaiting || entries.size === 0) return
  isWaiting = true
  collections.register({})
}

module.exports = { allocated, of, profile, tracked }
