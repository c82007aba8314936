import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describeMachine } from './machine.mjs'
import { reportBuffers } from './report-buffers.mjs'
import { root } from './root.mjs'

/** Measures what it costs to allocate and to follow buffers. Gives the report. */
export function benchmarkBuffers(nodes, rounds) {
  const machine = describeMachine(rounds)
  const results = nodes.map(({ path, version }) => ({ version, ...measureBuffers(path, rounds) }))
  return [machine, reportBuffers(results)].join('\n\n')
}

function measureBuffers(node, rounds) {
  console.error(`${node}: external buffers`) // it takes a while
  const { allocation, following } = run(node, 'external-buffers.mjs', rounds)
  return { allocation, following, million: run(node, 'million-buffers.mjs', rounds) }
}

function run(node, name, rounds) {
  const child = join(root, 'benchmark', 'child', name)
  const { status, stdout, error } = spawnSync(node, ['--expose-gc', child, String(rounds)], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (status !== 0) throw new Error(`${child} failed under ${node}`, { cause: error })
  return JSON.parse(stdout)
}
