'use strict'

const { startWorker, reportAndWait, MIB } = require('./report')

async function main() {
  for (let count = 0; count < 4; count++) {
    const { worker } = await startWorker({ bufferBytes: 2 * MIB, objects: 100_000, registers: true })
    await worker.terminate()
  }
  reportAndWait()
}

main()
