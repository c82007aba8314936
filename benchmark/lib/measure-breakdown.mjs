import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { root } from './root.mjs'

/** What the process holds while it is looked at, by name. Each is set up in child/scenarios.mjs. */
export const SCENARIOS = {
  small: 'a small process',
  objects: '1 GB of JavaScript objects',
  buffers: '1 GB in 16 large buffers',
  smallBuffers: '20,000 buffers of 50 KB',
  workers: '16 workers with 10 MB of objects each',
}

/** Far beyond what the slowest takes: a process that hangs must not stop the rest for ever. */
const TIMEOUT_MILLISECONDS = 10 * 60 * 1000

/** Measures every scenario in a process of its own. Gives nanoseconds per call by scenario and contender. */
export function measureBreakdown(node, rounds) {
  return Object.fromEntries(
    Object.keys(SCENARIOS).map((scenario) => [scenario, measure(node, scenario, rounds)]),
  )
}

function measure(node, scenario, rounds) {
  console.error(`${node}: ${SCENARIOS[scenario]}`) // it takes a while
  const child = join(root, 'benchmark', 'child', 'breakdown.mjs')
  const flags = ['--expose-gc', '--max-old-space-size=4096']
  const { status, stdout, error } = spawnSync(node, [...flags, child, scenario, String(rounds)], {
    encoding: 'utf8',
    timeout: TIMEOUT_MILLISECONDS,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (status !== 0) throw new Error(`${child} ${scenario} failed under ${node}`, { cause: error })
  return JSON.parse(stdout)
}
