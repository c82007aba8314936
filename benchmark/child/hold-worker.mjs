// A worker that holds some objects, has loaded the package and waits.

import { createRequire } from 'node:module'
import { parentPort } from 'node:worker_threads'
import { hold } from './hold-objects.mjs'

createRequire(import.meta.url)('rs-memusage')
const held = hold(10 * 1024 * 1024)
parentPort.on('message', () => held) // keeps both alive
parentPort.postMessage('ready')
