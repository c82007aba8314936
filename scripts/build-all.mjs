// Builds the addon for every system that it is published for, each as rs-memusage.<system>.node beside index.js.
//
//   node scripts/build-all.mjs                            all four
//   node scripts/build-all.mjs --only linux-x64-musl      this one; may be repeated
//
// It ends with a table of the sizes and of the newest symbols that each asks of glibc, and with status 1 where one is
// too large, asks for too much or was not built. A standard library that rustup has installed is used; others are
// compiled from source. Needs Rust, Python's pip and readelf, and apt where a standard library is not installed. What is
// fetched is kept in target/cross.

import { copyFileSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { FLAVOURS, writeBundle } from './bundle.mjs'
import { crossBuilt, GLIBC } from './cross/toolchain.mjs'
import { run } from './lib/run.mjs'
import { root } from './lib/steps.mjs'

/** By name of the system: what Rust calls it. */
const TARGETS = {
  'linux-x64-gnu': 'x86_64-unknown-linux-gnu',
  'linux-arm64-gnu': 'aarch64-unknown-linux-gnu',
  'linux-x64-musl': 'x86_64-unknown-linux-musl',
  'linux-arm64-musl': 'aarch64-unknown-linux-musl',
}
const LARGEST = 1_500_000

const { values } = parseArgs({
  options: { only: { type: 'string', multiple: true, default: FLAVOURS } },
})
writeBundle()
const rows = values.only.map((system) => {
  try {
    return checked(system, build(system))
  } catch (error) {
    console.error(error.message)
    return { system, wrong: 'not built' }
  }
})
console.log('\n| system | bytes | newest symbols | needs | |\n| --- | --- | --- | --- | --- |')
for (const { system, bytes = '', newest = '', needed = '', wrong = 'good' } of rows) {
  console.log(`| ${system} | ${bytes} | ${newest} | ${needed} | ${wrong} |`)
}
process.exit(rows.some(({ wrong }) => wrong) ? 1 : 0)

function build(system) {
  const target = TARGETS[system]
  if (!target) throw new Error(`${system} is none of ${Object.keys(TARGETS).join(', ')}`)
  const built = crossBuilt(target, '--lib')
  const output = join(root, `rs-memusage.${system}.node`)
  // A running process may have the old binary mapped: replace the file, do not write into it.
  copyFileSync(built, `${output}.new`)
  renameSync(`${output}.new`, output)
  return output
}

function checked(system, path) {
  const bytes = statSync(path).size
  const read = (...what) => run('readelf', ['--wide', ...what, path])
  const versions = [...read('--version-info').matchAll(/Name: GLIBC_([\d.]+)/g)].map(([, version]) => version)
  const newest = versions.sort(byVersion).at(-1)
  const needed = [...read('--dynamic').matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(([, name]) => name)
  const isStripped = !read('--sections').includes('.symtab')
  const row = { system, bytes, newest: newest ? `GLIBC_${newest}` : 'none', needed: needed.join(' ') }
  if (bytes > LARGEST) return { ...row, wrong: `larger than ${LARGEST} bytes` }
  if (!isStripped) return { ...row, wrong: 'not stripped' }
  if (system.endsWith('-musl') !== (newest === undefined)) return { ...row, wrong: 'another libc' }
  if (newest && byVersion(newest, GLIBC) > 0) return { ...row, wrong: `newer than ${GLIBC}` }
  return row
}

function byVersion(one, another) {
  return one.localeCompare(another, 'en', { numeric: true })
}
