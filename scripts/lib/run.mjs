// Running a program for what it prints.

import { spawnSync } from 'node:child_process'

/** What it printed. Where it is not there, or fails, an error of one line and what it said. */
export function run(command, args, options = {}) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: Infinity,
    ...options,
  })
  if (error?.code === 'ENOENT') throw new Error(`this needs ${command}, which is not on the PATH`)
  if (status !== 0) throw new Error(`${command} ${args.at(-1)} failed: ${error?.message ?? stderr}`)
  return stdout
}
