// Runs in each Node: measures allocation of every size by every way, and what it costs to follow a buffer, and prints
// the samples as JSON: nanoseconds per call, one figure per round.
//
//   node --expose-gc external-buffers.mjs ROUNDS

import { createRequire } from 'node:module'
import { BooksByHand } from './books-by-hand.mjs'
import { interleave } from './interleave.mjs'

const { externalBuffers } = createRequire(import.meta.url)('rs-memusage')

const KIB = 1024
const SIZES = [4 * KIB, 64 * KIB, 1024 * KIB, 16 * 1024 * KIB, 64 * 1024 * KIB]
/** What a slice allocates in all, so that the collector has its part in each. */
const BYTES_PER_SLICE = 512 * 1024 * KIB
const MOST_CALLS = 4000
/** Buffers that are followed in one slice. */
const FOLLOWED = 10_000

const rounds = Number(process.argv[2])
const allocation = {}
for (const size of SIZES) allocation[size] = await interleave(allocators(size), rounds)
const following = await interleave(followers(), rounds)
console.log(JSON.stringify({ allocation, following }))

function allocators(size) {
  const calls = Math.min(MOST_CALLS, Math.ceil(BYTES_PER_SLICE / size))
  return {
    allocate: slice(calls, () => externalBuffers.allocate(size)),
    released: slice(calls, () => externalBuffers.release(externalBuffers.allocate(size))),
    alloc: slice(calls, () => Buffer.alloc(size)),
    allocUnsafeSlow: slice(calls, () => Buffer.allocUnsafeSlow(size)),
  }
}

/** Starts from a collected heap, and bears the collections that it causes. */
function slice(calls, call) {
  return () => {
    globalThis.gc()
    const start = process.hrtime.bigint()
    for (let i = 0; i < calls; i++) call()
    return Number(process.hrtime.bigint() - start) / calls
  }
}

function followers() {
  const registry = new FinalizationRegistry(() => {})
  const byHand = new BooksByHand()
  return {
    track: follow((buffer) => externalBuffers.track(buffer, { label: 'measured' })),
    byHand: follow((buffer) => byHand.track(buffer, 'measured')),
    register: follow((buffer) => registry.register(buffer, buffer.byteLength)),
  }
}

function follow(call) {
  return () => {
    const buffers = Array.from({ length: FOLLOWED }, () => new ArrayBuffer(64))
    globalThis.gc()
    const start = process.hrtime.bigint()
    for (const buffer of buffers) call(buffer)
    return Number(process.hrtime.bigint() - start) / FOLLOWED
  }
}
