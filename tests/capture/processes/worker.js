'use strict'

const v8 = require('node:v8')
const { parentPort, workerData } = require('node:worker_threads')

const { bufferBytes, objects, registers } = workerData
// A thread that loads the package is on its registry; of others only what the memory tells is known.
if (registers) require('../../..')

globalThis.held = [
  Buffer.alloc(bufferBytes, 1),
  Array.from({ length: objects }, (_, index) => ({ index, text: `object ${index}` })),
]
parentPort.postMessage(v8.getHeapStatistics().total_physical_size)
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
