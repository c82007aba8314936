import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { root } from './root.mjs'

/** How many workers there are while the process is looked at. */
export const WORKER_COUNTS = [1, 4, 16, 64]

/** Far beyond what the slowest takes: a process that hangs must not stop the rest for ever. */
const TIMEOUT_MILLISECONDS = 10 * 60 * 1000

/**
 * Measures with each number of workers, in a process of its own. Gives nanoseconds per call by number and contender,
 * and those of a search with what it read.
 */
export function measureThreads(node, rounds) {
  const byWorkers = WORKER_COUNTS.map((workers) => [workers, run(node, 'threads.mjs', [workers, rounds])])
  return { byWorkers: Object.fromEntries(byWorkers), search: run(node, 'search.mjs', [rounds]) }
}

function run(node, program, args) {
  console.error(`${node}: ${program} ${args.join(' ')}`) // it takes a while
  const child = join(root, 'benchmark', 'child', program)
  const flags = ['--expose-gc', '--max-old-space-size=4096']
  const { status, stdout, error } = spawnSync(node, [...flags, child, ...args.map(String)], {
    encoding: 'utf8',
    timeout: TIMEOUT_MILLISECONDS,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (status !== 0) throw new Error(`${child} ${args.join(' ')} failed under ${node}`, { cause: error })
  return JSON.parse(stdout)
}
