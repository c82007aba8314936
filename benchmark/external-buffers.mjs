// What externalBuffers.allocate() and .track() cost beside Buffer's own functions and a FinalizationRegistry.
//
//   node benchmark/external-buffers.mjs                     the majors in .node-versions, or the running Node
//   node benchmark/external-buffers.mjs --node PATH [...]   these binaries instead
//   node benchmark/external-buffers.mjs --rounds 9          how often everything is measured
//   node benchmark/external-buffers.mjs --write             also put the tables into benchmark/README.md

import { parseArgs } from 'node:util'
import { benchmarkBuffers } from './lib/benchmark-buffers.mjs'
import { findNodes } from './lib/find-nodes.mjs'
import { replaceResults } from './lib/readme-results.mjs'

const { values: options } = parseArgs({
  options: {
    node: { type: 'string', multiple: true },
    rounds: { type: 'string', default: '9' },
    write: { type: 'boolean', default: false },
  },
})

const report = benchmarkBuffers(findNodes(options.node), Number(options.rounds))
console.log(report)
if (options.write) replaceResults('externalBuffers', report)
