// Builds bundle.js, and the addon for this machine: cargo build --release, then a copy next to bundle.js.
//
//   node scripts/build.mjs                 build always
//   node scripts/build.mjs --if-stale      build the addon only when it is missing or older than its sources

import { spawnSync } from 'node:child_process'
import { copyFileSync, readdirSync, renameSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { writeBundle } from './bundle.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const sources = ['Cargo.toml', 'Cargo.lock', 'build.rs', 'src']

writeBundle()
if (process.platform !== 'linux') {
  console.log('The addon is for Linux alone. Here JavaScript answers, and there is nothing more to build.')
} else if (!process.argv.includes('--if-stale') || isStale()) {
  build()
}

function build() {
  const output = outputFile()
  run('cargo', ['build', '--release', '--lib'])
  // A running process may have the old binary mapped: replace the file, do not write into it.
  const fresh = `${output}.${process.pid}`
  copyFileSync(join(root, 'target', 'release', 'librs_memusage.so'), fresh)
  renameSync(fresh, output)
}

function isStale() {
  const built = modified(outputFile())
  return built === null || sources.some((source) => newestIn(join(root, source)) > built)
}

function newestIn(path) {
  const status = statSync(path)
  if (!status.isDirectory()) return status.mtimeMs
  return Math.max(status.mtimeMs, ...readdirSync(path).map((entry) => newestIn(join(path, entry))))
}

function modified(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? null
}

/** The file that native.js looks for: its name has the system, the architecture and the libc that rustc builds for. */
function outputFile() {
  const host = run('rustc', ['-vV'], { stdio: ['ignore', 'pipe', 'inherit'] }).stdout.toString()
  const libc = /^host: .*musl/m.test(host) ? 'musl' : 'gnu'
  return join(root, `rs-memusage.linux-${process.arch}-${libc}.node`)
}

function run(command, args, options = { stdio: 'inherit' }) {
  const result = spawnSync(command, args, { cwd: root, ...options })
  if (result.error?.code === 'ENOENT') {
    fail(
      `Building rs-memusage needs Rust 1.88 or newer, and "${command}" is not on the PATH. ` +
        'Install it from https://rustup.rs, open a new shell, and run the same command again.',
    )
  }
  if (result.status !== 0) fail(`${command} ${args.join(' ')} failed`)
  return result
}

function fail(message) {
  console.error(message)
  process.exit(1)
}
