// Runs in each Node: holds a heap of a GiB and a hundred large buffers, measures a call with and without a search of
// the heap, and what it costs to copy as much memory, and prints the samples as JSON.
//
//   node --expose-gc search.mjs ROUNDS

import { createRequire } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'
import { hold } from './hold-objects.mjs'
import { interleave } from './interleave.mjs'
import { asyncSlice } from './slices.mjs'

const { workerRss } = createRequire(import.meta.url)('rs-memusage')

const MIB = 1024 ** 2
const PIECE = 256 * 1024
const COPIED_BYTES = 512 * MIB

const rounds = Number(process.argv[2])
const held = hold(1024 * MIB)
const buffers = Array.from({ length: 100 }, () => new Uint8Array(MIB).fill(1))
const source = Buffer.alloc(COPIED_BYTES, 1)
const target = Buffer.alloc(PIECE)
globalThis.gc()
await sleep(2000) // V8 sweeps in the background, and gives pages back

const { threads, method } = workerRss({ deep: true })
const [{ arrayBuffers }] = threads.filter(({ kind }) => kind === 'main')
// The allocator may take a megabyte from its arena instead of mapping it: that is no matter of the search.
if (arrayBuffers < COPIED_BYTES + (buffers.length * MIB) / 2)
  throw new Error(`only ${arrayBuffers} bytes were found`)

const contenders = {
  copy: asyncSlice(copyAll, 1),
  deep: asyncSlice(() => workerRss({ deep: true }), 1),
  plain: asyncSlice(() => workerRss(), 5),
}
const samples = await interleave(contenders, rounds)
console.log(JSON.stringify({ samples, searchedBytes: method.searchedBytes, copiedBytes: COPIED_BYTES }))
held.length = 0

/** From memory that no cache holds into a place that one does: whoever reads so much memory pays at least that. */
function copyAll() {
  for (let from = 0; from < COPIED_BYTES; from += PIECE) source.copy(target, 0, from, from + PIECE)
}
