// What `require('rs-memusage')` costs a fresh process, beside an empty module and `node:v8` alone.
//
//   node benchmark/load.mjs [--node PATH ...] [--rounds 15]

import { parseArgs } from 'node:util'
import { findNodes } from './lib/find-nodes.mjs'
import { measureLoad } from './lib/measure-load.mjs'
import { reportLoad } from './lib/report-load.mjs'

const { values: options } = parseArgs({
  options: {
    node: { type: 'string', multiple: true },
    rounds: { type: 'string', default: '15' },
  },
})

const results = findNodes(options.node).map(({ path, version }) => ({
  version,
  load: measureLoad(path, Number(options.rounds)),
}))
console.log(reportLoad(results))
