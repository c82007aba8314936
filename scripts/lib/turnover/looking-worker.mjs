// A thread of scripts/soak-turnover.mjs that looks at the process from beside the main thread.

import { parentPort, threadId, workerData } from 'node:worker_threads'
import { JudgedLooker } from './judged-looker.mjs'

const { ledger, lookers, ...options } = workerData
const looker = new JudgedLooker(ledger, lookers, { ...options, threads: [threadId] })
let isOver = false
parentPort.on('message', () => {
  isOver = true
})
await looker.lookUntil(
  () => isOver,
  (verdict) => parentPort.postMessage(verdict),
)
parentPort.close()
