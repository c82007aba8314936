// Everything that reads the code without running it.

import { writeBundle } from './bundle.mjs'
import { ensureDevDependencies, step, Tally } from './lib/steps.mjs'

/** The checks, each counted as one test. */
export function lint(tally) {
  tally.add(step('rustfmt', 'cargo', ['fmt', '--check']))
  const clippy = ['clippy', '--lib', '--tests', '--examples', '--', '-D', 'warnings']
  tally.add(step(`cargo ${clippy.join(' ')}`, 'cargo', clippy))
  tally.add(step('biome', 'npx', ['biome', 'check', '.']))
  tally.add(step('types', 'npx', ['tsc', '-p', '.']))
  tally.add(step('publint', 'npx', ['publint', '--strict', '--pack=false']))
  tally.add(step('are the types wrong', 'npx', ['attw', '--pack', '.', '--quiet']))
}

if (process.argv[1] === import.meta.filename) {
  ensureDevDependencies()
  writeBundle()
  const tally = new Tally()
  lint(tally)
  tally.finish()
}
