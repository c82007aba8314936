// Runs the scenes with a foreign Node, and tells what they said as a table.

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { root } from '../lib/steps.mjs'

const SCENES = ['idle', 'objects', 'buffers', 'workers']
const MOST_OFF = 0.01
const COLUMNS = ['Node', 'scene', 'rss', 'off', 'other', 'heap', 'native', 'stacks', 'method', '']

/** Runs every scene on each Node, `[name, command]` each, prints a table, and gives the counts. */
export function runScenes(nodes, { mostOther = 0.02 } = {}) {
  const counts = { passed: 0, failed: 0 }
  console.log(`\n| ${COLUMNS.join(' | ')} |\n|${' --- |'.repeat(COLUMNS.length)}`)
  for (const [name, command] of nodes) {
    for (const scene of SCENES) {
      const { cells, wrong } = runScene(command, scene, mostOther)
      console.log(`| ${[name, scene, ...cells, wrong ?? 'good'].join(' | ')} |`)
      counts[wrong ? 'failed' : 'passed'] += 1
    }
  }
  return counts
}

function runScene([program, ...args], scene, mostOther) {
  const script = join(root, 'scripts', 'cross', 'scene.mjs')
  const { stdout, stderr } = spawnSync(program, [...args, '--expose-gc', script, scene], {
    cwd: root,
    encoding: 'utf8',
    timeout: 300_000,
  })
  const line = /^\{.*\}$/m.exec(stdout)?.[0]
  if (!line) {
    const reason = /^.*Error.*$/m.exec(stderr)?.[0] ?? stderr.trim().split('\n').at(-1)
    return { cells: Array(COLUMNS.length - 3).fill(''), wrong: `failed: ${reason}` }
  }
  const { addsUp, billsAddUp, rss, off, late, parts, method, allocator } = JSON.parse(line)
  const other = parts.other / rss
  const cells = [
    mib(rss),
    off === null ? 'not known' : percent(off),
    percent(other),
    ...[parts.v8Heap, parts.nativeHeap, parts.stacks].map(mib),
    `${method.residency} ${method.v8} ${method.malloc} ${allocator}`,
  ]
  if (!addsUp || !billsAddUp) return { cells, wrong: 'does not add up' }
  if (off !== null && off > Math.max(MOST_OFF, late / rss))
    return { cells, wrong: 'another rss than the kernel' }
  return { cells, wrong: other > mostOther ? 'too much other' : null }
}

function mib(bytes) {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`
}

function percent(share) {
  return `${(share * 100).toFixed(2)} %`
}
