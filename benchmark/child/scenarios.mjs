// What a process holds while it is looked at.

import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { hold } from './hold-objects.mjs'

const MIB = 1024 * 1024

const SET_UPS = {
  small: () => null,
  objects: () => hold(1024 * MIB),
  buffers: () => Array.from({ length: 16 }, () => Buffer.alloc(64 * MIB, 1)), // filled, and so touched
  smallBuffers: () => Array.from({ length: 20_000 }, () => Buffer.alloc(50_000, 1)),
  workers: () => Promise.all(Array.from({ length: 16 }, startWorker)),
}

/** Gives what keeps the scenario alive, with `release()`. */
export async function setUp(name) {
  const held = await SET_UPS[name]()
  globalThis.gc()
  await sleep(2000) // V8 sweeps in the background, and gives pages back
  return { held, release: () => release(held) }
}

/** Not by `process.exit()`: Node 24 may wait for ever there, for a compiling thread that waits for a collection. */
function release(held) {
  for (const thing of held ?? []) {
    if (thing instanceof Worker) thing.terminate()
  }
}

function startWorker() {
  const worker = new Worker(new URL('./hold-worker.mjs', import.meta.url))
  return new Promise((resolve, reject) => {
    worker.once('message', () => resolve(worker))
    worker.once('error', reject)
  })
}
