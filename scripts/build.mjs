// Builds bundle.js, and the addon for this machine: cargo build --release, then a copy next to bundle.js.
//
//   node scripts/build.mjs                 build always
//   node scripts/build.mjs --if-stale      build the addon only when it is missing or older than its sources
//   node scripts/build.mjs --unsupported   build the variant of a platform that we cannot measure, for its tests

import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readdirSync, renameSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { writeBundle } from './bundle.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const sources = ['Cargo.toml', 'Cargo.lock', 'build.rs', 'src']
const unsupported = process.argv.includes('--unsupported')

const output = unsupported
  ? join(root, 'target', 'unsupported', 'rs-memusage.node')
  : join(root, `rs-memusage.${flavour()}.node`)

writeBundle()
if (!process.argv.includes('--if-stale') || isStale()) build()

function build() {
  const targetDirectory = join(root, 'target', ...(unsupported ? ['unsupported'] : []))
  const features = unsupported ? ['--features', 'unsupported'] : []
  run('cargo', ['build', '--release', '--lib', '--target-dir', targetDirectory, ...features])
  // A running process may have the old binary mapped: replace the file, do not write into it.
  const fresh = `${output}.${process.pid}`
  mkdirSync(dirname(output), { recursive: true })
  copyFileSync(join(targetDirectory, 'release', libraryName()), fresh)
  renameSync(fresh, output)
}

function isStale() {
  const built = modified(output)
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

/** The name that native.js looks for: platform, architecture and, on Linux, the libc that rustc builds for. */
function flavour() {
  const system = `${process.platform}-${process.arch}`
  if (process.platform === 'win32') return `${system}-msvc`
  if (process.platform !== 'linux') return system
  const host = run('rustc', ['-vV'], { stdio: ['ignore', 'pipe', 'inherit'] }).stdout.toString()
  return `${system}-${/^host: .*musl/m.test(host) ? 'musl' : 'gnu'}`
}

function libraryName() {
  if (process.platform === 'win32') return 'rs_memusage.dll'
  return process.platform === 'darwin' ? 'librs_memusage.dylib' : 'librs_memusage.so'
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
