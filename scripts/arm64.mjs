// Runs scenes on arm64, in QEMU's emulation of single programs: that the addon loads there, and what it answers.
//
//   node scripts/arm64.mjs                      Node 20, 22, 24 and 26
//   node scripts/arm64.mjs --node 24            this one; may be repeated
//   node scripts/arm64.mjs --libc musl          with musl, as on Alpine: Node 22, 24 and 26 from PyPI
//
// The emulator's own memory is in the kernel's counts and in no mapping that the program sees, so `other` has it and is
// not judged; nor does `smaps_rollup` there tell what a program has. On a whole machine of arm64's, in emulation too,
// both are judged: scripts/kernels.mjs --arch arm64. Needs rs-memusage.linux-arm64-gnu.node or -musl.node
// (scripts/build-all.mjs), apt, and npm or Python's pip. What is fetched is kept in target/arm64.

import { existsSync, mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { runScenes } from './cross/scenes.mjs'
import { arm64Libraries, arm64Node, builtAddon, cache } from './lib/arm64.mjs'
import { debianPackages } from './lib/fetched.mjs'
import { MUSL_MAJORS, muslLibrary, muslNode } from './lib/musl.mjs'
import { Tally } from './lib/steps.mjs'

const { values } = parseArgs({
  options: {
    node: { type: 'string', multiple: true },
    libc: { type: 'string', default: 'gnu' },
  },
})
process.env.RS_MEMUSAGE_NATIVE_PATH = builtAddon(values.libc)
const { libraries, majors, nodeOf } = values.libc === 'musl' ? withMusl() : withGlibc()
const emulator = emulation(libraries)
const tally = new Tally()
tally.add(
  runScenes(
    (values.node ?? majors).map((major) => [major, [...emulator, nodeOf(major)]]),
    { mostOther: 1 },
  ),
)
tally.finish()

function withGlibc() {
  return { libraries: arm64Libraries(), majors: ['20', '22', '24', '26'], nodeOf: arm64Node }
}

function withMusl() {
  const folder = join(cache, 'musl')
  mkdirSync(folder, { recursive: true })
  return {
    libraries: muslLibrary('arm64', folder).folder,
    majors: MUSL_MAJORS.arm64,
    nodeOf: (major) => muslNode('arm64', major, folder),
  }
}

/** The command that runs a program with these libraries of arm64. */
function emulation(libraries) {
  const qemu = debianPackages({
    folder: join(cache, 'qemu'),
    suites: ['bookworm'],
    choose: () => ['qemu-user-static'],
  })
  const loader = join(libraries, 'lib') // where programs name it; Debian has it in /usr/lib
  if (!existsSync(loader)) symlinkSync(join('usr', 'lib'), loader)
  return [join(qemu, 'usr', 'bin', 'qemu-aarch64-static'), '-L', libraries]
}
