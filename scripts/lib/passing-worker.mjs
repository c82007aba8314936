// A worker of scripts/soak.mjs that comes, does something or nothing for a moment, and goes.

import { createRequire } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'
import { workerData } from 'node:worker_threads'

const { lifetimeMs, loads, looks, activity } = workerData
const end = Date.now() + lifetimeMs
const kept = [
  Buffer.alloc(50_000, 1),
  new Uint8Array(1024 ** 2).fill(1),
  Array.from({ length: 10_000 }, String),
]

if (loads) {
  const { workerRss } = createRequire(import.meta.url)('../..')
  if (looks) workerRss.self()
}

const ACTIVITIES = {
  idle: () => sleep(lifetimeMs),
  wait: () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, lifetimeMs),
  spin: () => {
    while (Date.now() < end) kept[3] = Math.sqrt(Date.now())
  },
  promises: async () => {
    while (Date.now() < end) await null
  },
  allocate: () => {
    while (Date.now() < end) kept[3] = Array.from({ length: 1000 }, (_, i) => ({ i }))
  },
}
await ACTIVITIES[activity]()
