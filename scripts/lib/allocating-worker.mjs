// A thread of scripts/soak.mjs that allocates, frees and looks in random order, until its time is over or it is
// terminated.

import { createRequire } from 'node:module'
import { setImmediate as turn } from 'node:timers/promises'
import { workerData } from 'node:worker_threads'

const { rssBreakdown, rssBreakdownAsync } = createRequire(import.meta.url)('../..')

const MIB = 1024 * 1024
const HELD_AT_MOST = 48 * MIB
const WASM_PAGE = 64 * 1024

/** What a step may do; each gives [what to hold, its bytes]. */
const ALLOCATIONS = [objects, strings, buffer, sharedBuffer, growingBuffer, wasmMemory]

const held = []
let heldBytes = 0

const end = Date.now() + workerData.lifetimeMs
do {
  const allocate = ALLOCATIONS[below(ALLOCATIONS.length)]
  hold(...allocate())
  while (heldBytes > HELD_AT_MOST || (held.length > 0 && Math.random() < 0.4)) release()
  if (Math.random() < 0.05) recurse(below(5000))
  if (Math.random() < 0.02) rssBreakdown({ regions: true })
  // Not awaited: the thread may end, or be terminated, while one of the pool's looks for it.
  if (Math.random() < 0.05) rssBreakdownAsync()
  await turn()
} while (Date.now() < end)

function below(limit) {
  return Math.floor(Math.random() * limit)
}

/** Bytes from 1 to 16 MiB, each power of two as likely as the others. */
function anySize() {
  return Math.ceil(2 ** (Math.random() * 24))
}

function hold(thing, bytes) {
  held.push([thing, bytes])
  heldBytes += bytes
}

function release() {
  const [[, bytes]] = held.splice(below(held.length), 1)
  heldBytes -= bytes
}

function objects() {
  const count = below(20_000)
  return [Array.from({ length: count }, (_, index) => ({ index, next: [index] })), count * 64]
}

function strings() {
  const length = Math.min(anySize(), MIB)
  return ['\u00e9'.repeat(length).split('').join('-'), length * 2]
}

function buffer() {
  const bytes = anySize()
  return [Buffer.alloc(bytes, 1), bytes]
}

function sharedBuffer() {
  const bytes = anySize()
  return [new Uint8Array(new SharedArrayBuffer(bytes)).fill(1), bytes]
}

function growingBuffer() {
  const bytes = anySize()
  const growing = new ArrayBuffer(1, { maxByteLength: bytes })
  growing.resize(bytes)
  return [new Uint8Array(growing).fill(1), bytes]
}

function wasmMemory() {
  const pages = 1 + below(64)
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 256 })
  memory.grow(pages)
  new Uint8Array(memory.buffer).fill(1)
  return [memory, pages * WASM_PAGE]
}

/** Makes the stack large once. */
function recurse(depth) {
  return depth === 0 ? 0 : 1 + recurse(depth - 1)
}
