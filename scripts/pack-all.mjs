// npm run pack:all: builds the binaries of every platform, and packs them with the rest into tarballs/. The release
// publishes what this makes.

import { mkdirSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { FLAVOURS } from './bundle.mjs'
import { root, step } from './lib/steps.mjs'

const folder = join(root, 'tarballs')
mkdirSync(folder, { recursive: true })
const pack = ['pack', '--ignore-scripts', '--pack-destination', folder] // prepack would build for this machine alone
for (const [title, command, args] of [
  ['build for all platforms', process.execPath, ['scripts/build-all.mjs']],
  ['bundle', process.execPath, ['scripts/bundle.mjs']],
  ['pack', 'npm', pack],
]) {
  if (step(title, command, args).failed > 0) process.exit(1)
}
const missing = FLAVOURS.filter((flavour) => !readdirSync(root).includes(`rs-memusage.${flavour}.node`))
if (missing.length > 0) {
  console.error(`The tarball has no binary for ${missing.join(', ')}.`)
  process.exit(1)
}
for (const file of readdirSync(folder)) console.log(`${file}: ${statSync(join(folder, file)).size} bytes`)
