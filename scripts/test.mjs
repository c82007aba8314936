// npm test: installs what the tests need, builds, and runs every check on the Node that runs this.

import { builds, cargoTests, ensureDevDependencies, nodeTests, Tally } from './lib/steps.mjs'
import { lint } from './lint.mjs'

const tally = new Tally()
ensureDevDependencies()
for (const outcome of builds()) tally.add(outcome)
if (tally.failed > 0) tally.finish()
lint(tally)
tally.add(cargoTests())
tally.add(nodeTests(process.execPath))
tally.finish()
