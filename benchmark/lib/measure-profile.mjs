import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { root } from './root.mjs'

const CHILD = join(root, 'benchmark', 'child')
const WARM_UP_MS = 1500
const MEASURE_MS = 3000

/** `control` is another server without: what it differs by is noise. */
export const MODES = ['off', 'on', 'control']
/** What the server does for a request; see child/profile-server.mjs. */
export const KINDS = ['chunks', 'pieces']

/** By kind and mode, requests a second and CPU microseconds a request: one of each a round, in a fresh process. */
export async function measureProfile(node, rounds) {
  const samples = KINDS.map((kind) => [kind, Object.fromEntries(MODES.map((mode) => [mode, empty()]))])
  const byKind = Object.fromEntries(samples)
  for (let round = 0; round < rounds; round++) {
    for (const kind of KINDS) {
      for (const mode of round % 2 === 0 ? MODES : MODES.toReversed()) {
        const { rate, cpu } = await measureOnce(node, mode, kind)
        byKind[kind][mode].rate.push(rate)
        byKind[kind][mode].cpu.push(cpu)
      }
    }
  }
  return byKind
}

function empty() {
  return { rate: [], cpu: [] }
}

async function measureOnce(node, mode, kind) {
  const args = [mode === 'on' ? 'on' : 'off', kind]
  const server = fork(join(CHILD, 'profile-server.mjs'), args, { execPath: node })
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
