// A worker that has loaded the package and tells what Node says of its memory whenever it is asked.

import { createRequire } from 'node:module'
import { parentPort } from 'node:worker_threads'

createRequire(import.meta.url)('rs-memusage')
parentPort.on('message', () => parentPort.postMessage(process.memoryUsage()))
parentPort.postMessage('ready')
