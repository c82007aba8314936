// Compares rs-memusage with everything else that can tell a process its memory, on every Node major there is.
//
//   npm run bench                            the majors in .node-versions, or the running Node
//   npm run bench -- --node PATH [...]       these binaries instead
//   npm run bench -- --rounds 15             how often everything is measured
//   npm run bench -- --write                 also put the tables into benchmark/README.md

import { parseArgs } from 'node:util'
import { benchmarkBreakdown } from './lib/benchmark-breakdown.mjs'
import { benchmarkBuffers } from './lib/benchmark-buffers.mjs'
import { benchmarkThreads } from './lib/benchmark-threads.mjs'
import { buildExample } from './lib/build-example.mjs'
import { findNodes } from './lib/find-nodes.mjs'
import { describeMachine } from './lib/machine.mjs'
import { measureCalls } from './lib/measure-calls.mjs'
import { measureLoad } from './lib/measure-load.mjs'
import { replaceResults } from './lib/readme-results.mjs'
import { reportCalls } from './lib/report-calls.mjs'
import { reportLoad } from './lib/report-load.mjs'

const { values: options } = parseArgs({
  options: {
    node: { type: 'string', multiple: true },
    rounds: { type: 'string', default: '15' },
    write: { type: 'boolean', default: false },
  },
})
const rounds = Number(options.rounds)
/** Some calls take up to half a second each round. */
const LONG_CALL_ROUNDS = Math.min(rounds, 9)

const nodes = findNodes(options.node)
const floor = buildExample('statm_floor')
const machine = describeMachine(rounds)
const results = nodes.map(measureNode)

const report = [machine, reportCalls(results), reportLoad(results)].join('\n\n')
console.log(report)
if (options.write) replaceResults('memoryUsage', report)

const breakdown = benchmarkBreakdown(nodes, LONG_CALL_ROUNDS)
console.log(`\n## rssBreakdown()\n\n${breakdown}`)
if (options.write) replaceResults('rssBreakdown', breakdown)

const threads = benchmarkThreads(nodes, LONG_CALL_ROUNDS)
console.log(`\n## workerRss()\n\n${threads}`)
if (options.write) replaceResults('workerRss', threads)

const buffers = benchmarkBuffers(nodes, LONG_CALL_ROUNDS)
console.log(`\n## externalBuffers\n\n${buffers}`)
if (options.write) replaceResults('externalBuffers', buffers)

function measureNode({ path, version }) {
  console.error(`Node ${version}: calls, calls without V8's symbols, load`) // it takes a while
  return {
    version,
    calls: measureCalls(path, { floor, rounds }),
    fallback: measureCalls(path, { floor, rounds, fallback: true }),
    load: measureLoad(path, rounds),
  }
}
