// A thread of scripts/soak.mjs that looks at the process from 'look' to 'rest', and then tells what it found.

import { parentPort, workerData } from 'node:worker_threads'
import { collectGarbage } from './collect-garbage.mjs'
import { Looker } from './looker.mjs'

const looker = new Looker(workerData.subject)
let looking = false

parentPort.on('message', async (message) => {
  if (message === 'rest') {
    looking = false
    return
  }
  looking = true
  await looker.lookUntil(() => !looking)
  collectGarbage()
  parentPort.postMessage({ looks: looker.looks, problems: looker.problems.splice(0) })
})
