// psutil, asked about this process from a Python that stays alive: starting it is no part of the measurement.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** A reader with `nanosecondsOf(method)` and `stop()`; null where there is no Python or no psutil. */
export async function startPsutil() {
  const script = fileURLToPath(new URL('./psutil_reader.py', import.meta.url))
  const python = spawn('python3', [script, String(process.pid)], { stdio: ['pipe', 'pipe', 'ignore'] })
  const answers = createInterface({ input: python.stdout })[Symbol.asyncIterator]()
  const started = await Promise.race([answers.next(), once(python, 'error')])
  if (started.value !== 'ready') return null
  return {
    async nanosecondsOf(method) {
      python.stdin.write(`${method}\n`)
      return Number((await answers.next()).value)
    },
    stop: () => python.stdin.end(),
  }
}
