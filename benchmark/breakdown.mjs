// What rssBreakdown() costs beside everything else that tells where memory is, and how long each of them holds up
// another thread.
//
//   node benchmark/breakdown.mjs                     the majors in .node-versions, or the running Node
//   node benchmark/breakdown.mjs --node PATH [...]   these binaries instead
//   node benchmark/breakdown.mjs --rounds 9          how often everything is measured
//   node benchmark/breakdown.mjs --write             also put the tables into benchmark/README.md

import { parseArgs } from 'node:util'
import { benchmarkBreakdown } from './lib/benchmark-breakdown.mjs'
import { findNodes } from './lib/find-nodes.mjs'
import { replaceResults } from './lib/readme-results.mjs'

const { values: options } = parseArgs({
  options: {
    node: { type: 'string', multiple: true },
    rounds: { type: 'string', default: '9' },
    write: { type: 'boolean', default: false },
  },
})

const report = benchmarkBreakdown(findNodes(options.node), Number(options.rounds))
console.log(report)
if (options.write) replaceResults('rssBreakdown', report)
