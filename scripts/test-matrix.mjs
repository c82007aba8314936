// npm run test:matrix: the node tests on every Node major that the package supports, one after the other.
//
// The binaries come from the npm package `node` and stay in .node-versions/<major>. Majors named as arguments
// replace the whole list.

import { spawnSync } from 'node:child_process'
import { nodeBinary } from './lib/node-binary.mjs'
import { builds, ensureDevDependencies, nodeTests, Tally } from './lib/steps.mjs'

const MAJORS = ['20', '22', '24', '26']

const requested = process.argv.slice(2)
const tally = new Tally()
ensureDevDependencies()
for (const outcome of builds()) tally.add(outcome)
if (tally.failed > 0) tally.finish()
for (const major of requested.length > 0 ? requested : MAJORS) {
  const node = nodeBinary(major)
  console.log(`\n# node tests on ${version(node)}`)
  const counts = nodeTests(node)
  console.log(`# Node ${major}: ${counts.passed} ok, ${counts.failed} not ok`)
  tally.add(counts)
}
tally.finish()

function version(node) {
  return spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim()
}
