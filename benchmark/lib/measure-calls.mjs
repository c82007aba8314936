import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { root } from './root.mjs'

/**
 * Measures all calls in one process of this Node. Gives nanoseconds per call, one figure per round, by contender.
 * With `fallback` the addon does without V8's symbols, which it decides at load: hence a process of its own.
 */
export function measureCalls(node, { floor, rounds, fallback = false }) {
  const child = join(root, 'benchmark', 'child', 'calls.mjs')
  const { status, stdout, error } = spawnSync(node, [child, floor, String(rounds)], {
    encoding: 'utf8',
    env: { ...process.env, RS_MEMUSAGE_NO_V8: fallback ? '1' : '' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (status !== 0) throw new Error(`${child} failed under ${node}`, { cause: error })
  return JSON.parse(stdout)
}
