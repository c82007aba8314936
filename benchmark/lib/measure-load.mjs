import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { root } from './root.mjs'
import { median } from './statistics.mjs'

const CHILD = join(root, 'benchmark', 'child')

/** What is required, by name. */
const MODULES = {
  empty: join(CHILD, 'empty.cjs'),
  v8: 'node:v8',
  addon: join(root, 'native.js'),
  'rs-memusage': 'rs-memusage',
}

/** Medians over that many fresh processes for each module, taken in turns. */
export function measureLoad(node, rounds) {
  const names = Object.keys(MODULES)
  const samples = Object.fromEntries(names.map((name) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? names : names.toReversed()
    for (const name of order) samples[name].push(measureOnce(node, name))
  }
  return Object.fromEntries(names.map((name) => [name, medians(samples[name])]))
}

function measureOnce(node, name) {
  return { ...run(node, name, 'smaps'), ...run(node, name, 'status') } // milliseconds are those of the second
}

function run(node, name, file) {
  const child = join(CHILD, 'load-once.cjs')
  const { status, stdout, error } = spawnSync(node, [child, MODULES[name], file], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (status !== 0) throw new Error(`${child} failed under ${node}`, { cause: error })
  return JSON.parse(stdout)
}

function medians(samples) {
  return Object.fromEntries(
    Object.keys(samples[0]).map((figure) => [figure, median(samples.map((sample) => sample[figure]))]),
  )
}
