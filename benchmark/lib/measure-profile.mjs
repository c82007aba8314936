import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { root } from './root.mjs'

const CHILD = join(root, 'benchmark', 'child')
const WARM_UP_MS = 1500
const MEASURE_MS = 4000

/** `control` is another server without: what it differs by is noise. */
export const MODES = ['off', 'on', 'control']

/** By mode, requests a second and CPU microseconds a request: one of each a round, every server a fresh process. */
export async function measureProfile(node, rounds) {
  const samples = Object.fromEntries(MODES.map((mode) => [mode, { rate: [], cpu: [] }]))
  for (let round = 0; round < rounds; round++) {
    for (const mode of round % 2 === 0 ? MODES : MODES.toReversed()) {
      const { rate, cpu } = await measureOnce(node, mode)
      samples[mode].rate.push(rate)
      samples[mode].cpu.push(cpu)
    }
  }
  return samples
}

async function measureOnce(node, mode) {
  const server = fork(join(CHILD, 'profile-server.mjs'), [mode === 'on' ? 'on' : 'off'], { execPath: node })
  const [{ port }] = await once(server, 'message')
  await load(node, port, WARM_UP_MS)
  const before = await cpuMicros(server)
  const start = performance.now()
  const answers = await load(node, port, MEASURE_MS)
  const seconds = (performance.now() - start) / 1000
  const cpu = ((await cpuMicros(server)) - before) / answers
  server.kill()
  await once(server, 'exit')
  return { rate: answers / seconds, cpu }
}

async function load(node, port, milliseconds) {
  const child = fork(join(CHILD, 'http-load.mjs'), [port, milliseconds], { execPath: node })
  const [{ answers }] = await once(child, 'message')
  await once(child, 'exit')
  return answers
}

async function cpuMicros(server) {
  server.send('cpu')
  const [message] = await once(server, 'message')
  return message.cpuMicros
}
