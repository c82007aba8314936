// Processes of the scripts that try the package out: each ends, and tells all that it said.

import { spawnSync } from 'node:child_process'

const LONGEST_MS = 5 * 60_000
const MOST_CHARACTERS = 3000

/** Runs a command to its end. Its environment is `env` and nothing else. */
export function execute([command, ...args], { cwd, env, uid, gid }) {
  const { status, signal, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    env,
    uid,
    gid,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: LONGEST_MS,
    maxBuffer: Infinity,
  })
  if (error) throw error
  return { status: status ?? signal, stdout, stderr }
}

/** The same for what has to succeed; gives what it printed. */
export function succeed(command, options) {
  const { status, stdout, stderr } = execute(command, options)
  if (status === 0) return stdout
  const said = `${stdout}${stderr}`.trim().slice(-MOST_CHARACTERS)
  throw new Error(`${command.join(' ')} ended with ${status}:\n${said}`)
}
