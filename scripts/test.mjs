// npm test: installs what the tests need, builds, and runs every check on the Node that runs this.

import { cargoTests, ensureDevDependencies, nodeTests, step, Tally } from './lib/steps.mjs'
import { lint } from './lint.mjs'

const tally = new Tally()
ensureDevDependencies()
tally.add(step('build', process.execPath, ['scripts/build.mjs', '--if-stale']))
if (tally.failed > 0) tally.finish()
const unsupported = ['scripts/build.mjs', '--if-stale', '--unsupported']
tally.add(step('build for a platform without support', process.execPath, unsupported))
lint(tally)
tally.add(cargoTests())
tally.add(cargoTests(['--features', 'unsupported']))
tally.add(nodeTests(process.execPath))
tally.finish()
