// Runs in each Node: measures every look before and after a million small buffers are tracked, and the longest single
// track(), and prints the samples as JSON: milliseconds per call, one figure per round.
//
//   node --expose-gc million-buffers.mjs ROUNDS

import { createRequire } from 'node:module'

const { externalBuffers, rssBreakdown, workerRss } = createRequire(import.meta.url)('rs-memusage')

const COUNT = 1_000_000
const rounds = Number(process.argv[2])

const LOOKS = {
  rssBreakdown: () => rssBreakdown(),
  workerRss: () => workerRss(),
  usage: () => externalBuffers.usage(),
  list: () => externalBuffers.list({ top: 10 }),
}

const kept = Array.from({ length: COUNT }, () => new ArrayBuffer(64))
globalThis.gc()
for (const look of Object.values(LOOKS)) look()
const without = sample()
const track = followAll()
console.log(JSON.stringify({ without, tracked: sample(), track, kept: kept.length }))

function sample() {
  const samples = Object.fromEntries(Object.keys(LOOKS).map((name) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const [name, look] of Object.entries(LOOKS)) samples[name].push(millis(look))
  }
  return samples
}

/** By the processor's time: what the scheduler gives to others meanwhile is no stall of ours. */
function followAll() {
  let longest = 0
  for (const buffer of kept) {
    longest = Math.max(
      longest,
      millis(() => externalBuffers.track(buffer, { label: 'measured' })),
    )
  }
  return { longest }
}

function millis(call) {
  const start = process.cpuUsage()
  call()
  const { user, system } = process.cpuUsage(start)
  return (user + system) / 1000
}
