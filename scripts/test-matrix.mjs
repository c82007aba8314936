// npm run test:matrix: the node tests on every Node major that the package supports, one after the other.
//
// The binaries come from the npm package `node` and stay in .node-versions/<major>. Majors named as arguments
// replace the whole list.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { builds, ensureDevDependencies, nodeTests, root, Tally } from './lib/steps.mjs'

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

function nodeBinary(major) {
  if (process.versions.node.split('.', 1)[0] === major) return process.execPath
  const folder = join(root, '.node-versions', major)
  const binary = join(folder, 'node_modules', 'node', 'bin', 'node')
  if (!existsSync(binary)) {
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
    const args = ['install', `node@${major}`, '--no-audit', '--no-fund', '--no-package-lock']
    const { status } = spawnSync('npm', args, { cwd: folder, stdio: 'inherit' })
    if (status !== 0 || !existsSync(binary)) throw new Error(`npm could not install node@${major}`)
  }
  return binary
}

function version(node) {
  return spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim()
}
