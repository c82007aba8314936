// What workerRss() costs with few and with many workers, beside everything else that tells the memory of threads, and
// what a search of the heaps costs.
//
//   node benchmark/threads.mjs                     the majors in .node-versions, or the running Node
//   node benchmark/threads.mjs --node PATH [...]   these binaries instead
//   node benchmark/threads.mjs --rounds 9          how often everything is measured
//   node benchmark/threads.mjs --write             also put the tables into benchmark/README.md

import { parseArgs } from 'node:util'
import { benchmarkThreads } from './lib/benchmark-threads.mjs'
import { findNodes } from './lib/find-nodes.mjs'
import { replaceResults } from './lib/readme-results.mjs'

const { values: options } = parseArgs({
  options: {
    node: { type: 'string', multiple: true },
    rounds: { type: 'string', default: '9' },
    write: { type: 'boolean', default: false },
  },
})

const report = benchmarkThreads(findNodes(options.node), Number(options.rounds))
console.log(report)
if (options.write) replaceResults('workerRss', report)
