// A registry of our own on 127.0.0.1. It is empty at first and asks no other one: what is not published to it is not
// found, so whoever installs from it shows what the package really needs.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const START_MS = 60_000

/** Starts it with its storage in a folder; gives its address and how to end it. */
export async function startRegistry(modules, folder) {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}/`
  const config = join(folder, 'verdaccio.json') // YAML includes JSON
  writeFileSync(config, JSON.stringify(configuration(join(folder, 'storage'))))
  const program = join(modules, 'verdaccio', 'bin', 'verdaccio')
  const child = spawn(process.execPath, [program, '--config', config, '--listen', `127.0.0.1:${port}`], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      said += text
    })
  }
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'close')
  }
  const end = Date.now() + START_MS
  while (!(await answers(url))) {
    if (child.exitCode !== null || Date.now() > end) {
      await stop()
      throw new Error(`verdaccio did not start:\n${said}`)
    }
    await sleep(100)
  }
  return { url, stop }
}

function configuration(storage) {
  return {
    storage,
    max_body_size: '200mb',
    auth: { htpasswd: { file: join(storage, 'htpasswd') } },
    uplinks: {},
    packages: { '**': { access: '$all', publish: '$all' } },
    log: { type: 'stdout', format: 'pretty', level: 'warn' },
  }
}

async function answers(url) {
  try {
    return (await fetch(`${url}-/ping`)).ok
  } catch {
    return false
  }
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}
