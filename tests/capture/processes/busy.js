'use strict'

const { startWorker, reportAndWait, MIB } = require('./report')

async function main() {
  // The buffers of one size stand in a row, the others between them.
  globalThis.buffers = [Buffer.alloc(64 * MIB, 1)]
  for (let size = 1; size <= 8; size++)
    globalThis.buffers.push(Buffer.alloc(size * MIB, 1), Buffer.alloc(MIB, 1))
  globalThis.untouched = Buffer.alloc(32 * MIB)
  globalThis.webAssembly = new WebAssembly.Memory({ initial: 256, maximum: 1024 })
  new Uint8Array(globalThis.webAssembly.buffer).fill(1)
  globalThis.shared = new SharedArrayBuffer(4 * MIB)
  new Uint8Array(globalThis.shared).fill(1)

  const workers = [
    await startWorker({ bufferBytes: 16 * MIB, objects: 30_000, registers: true }),
    await startWorker({ bufferBytes: 16 * MIB, objects: 1_000, registers: false }),
  ]
  const buffers = globalThis.buffers.reduce((sum, buffer) => sum + buffer.length, 0)
  // All of it was written to, but for the buffer that is called untouched.
  reportAndWait({
    workers,
    known: { large_chunks: buffers + 2 * 16 * MIB + 4 * MIB, growable: 16 * MIB, untouched: 32 * MIB },
  })
}

main()
