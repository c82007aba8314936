// What the profile of buffers costs a server that allocates: requests a second with and without, asked by a
// second process.
//
//   node benchmark/profile.mjs                     the majors in .node-versions, or the running Node
//   node benchmark/profile.mjs --node PATH [...]   these binaries instead
//   node benchmark/profile.mjs --rounds 9          how often everything is measured
//   node benchmark/profile.mjs --write             also put the tables into benchmark/README.md

import { parseArgs } from 'node:util'
import { findNodes } from './lib/find-nodes.mjs'
import { describeMachine } from './lib/machine.mjs'
import { measureProfile } from './lib/measure-profile.mjs'
import { replaceResults } from './lib/readme-results.mjs'
import { reportProfile } from './lib/report-profile.mjs'

const { values: options } = parseArgs({
  options: {
    node: { type: 'string', multiple: true },
    rounds: { type: 'string', default: '9' },
    write: { type: 'boolean', default: false },
  },
})
const rounds = Number(options.rounds)

const machine = describeMachine(rounds)
const results = []
for (const { path, version } of findNodes(options.node)) {
  results.push({ version, byKind: await measureProfile(path, rounds) })
}
const report = [machine, reportProfile(results)].join('\n\n')
console.log(report)
if (options.write) replaceResults('the profile of buffers', report)
