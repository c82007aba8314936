// What the test, lint and matrix scripts share: running commands, and counting what passed.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { lacking } from '../../__test__/helpers/allocators.js'

export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')

/** Counts of one run; every step adds to it. */
export class Tally {
  passed = 0
  failed = 0
  /** The reason of each test that was not run. */
  skipped = []
  /** What was said of each node test that failed. */
  failures = []

  add({ passed, failed, skipped = [], failures = [] }) {
    this.passed += passed
    this.failed += failed
    this.skipped.push(...skipped)
    this.failures.push(...failures)
  }

  /** Prints the closing line and ends the process accordingly. Where CI is set, everything has to be tested. */
  finish() {
    const mustRunAll = process.env.CI === 'true'
    const counts = [`${this.passed} passed`, `${this.failed} failed`]
    if (this.skipped.length > 0) {
      console.log(`\nSkipped${mustRunAll ? ', which is a failure where CI=true' : ''}:`)
      for (const reason of new Set(this.skipped)) {
        console.log(`  ${this.skipped.filter((other) => other === reason).length} x ${reason}`)
      }
      counts.push(`${this.skipped.length} skipped`)
    }
    // Once more, for whoever sees no more than the end of a long log.
    for (const failure of this.failures) console.log(`\n${failure}`)
    console.log(`\n${counts.join(', ')}`)
    const isGood = this.failed === 0 && !(mustRunAll && this.skipped.length > 0)
    process.exit(isGood ? 0 : 1)
  }
}

/** Runs a command with its output shown; counts it as one test. */
export function step(title, command, args, environment = {}) {
  console.log(`\n# ${title}`)
  const { status } = spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...environment },
  })
  if (status !== 0) console.log(`# FAILED: ${title}`)
  return status === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 }
}

/** Runs `cargo test` and counts the tests that it reports, those too that need a library and are ignored without. */
export function cargoTests(args = []) {
  const first = cargoTest(args)
  const ignored = [...first.stdout.matchAll(/^test (\S+) \.\.\. ignored(?:, (?:needs )?(.+))?$/gm)]
  const able = ignored.filter(([, , library]) => library && lacking(library) === null).map(([, name]) => name)
  const second =
    able.length > 0 ? cargoTest(args, ['--ignored', '--exact', ...able]) : { passed: 0, failed: 0 }
  const skipped = ignored.filter(([, name]) => !able.includes(name))
  return {
    passed: first.passed + second.passed,
    failed: first.failed + second.failed,
    skipped: skipped.map(([, name, library]) => (library ? lacking(library) : `${name} is ignored`)),
  }
}

function cargoTest(args, testArgs = []) {
  const all = ['test', ...args, ...(testArgs.length > 0 ? ['--', ...testArgs] : [])]
  console.log(`\n# cargo ${all.join(' ')}`)
  const { status, stdout } = spawnSync('cargo', all, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    maxBuffer: Infinity,
  })
  console.log(stdout)
  const counts = [...stdout.matchAll(/^test result: .*? (\d+) passed; (\d+) failed/gm)]
  const passed = counts.reduce((sum, [, count]) => sum + Number(count), 0)
  const failed = counts.reduce((sum, [, , count]) => sum + Number(count), 0)
  return { stdout, passed, failed: status === 0 ? failed : Math.max(failed, 1) }
}

/** Runs node tests, or all, on one node binary and counts them. `--expose-gc`: memory tests collect what they drop. */
export function nodeTests(node, files = testFiles()) {
  const folder = mkdtempSync(join(tmpdir(), 'rs-memusage-tests-'))
  const summary = join(folder, 'summary.tap')
  // One file at a time: the tests measure the memory and the time of whole processes.
  const reporters = [
    ['--test-reporter=spec', '--test-reporter-destination=stdout'],
    ['--test-reporter=tap', `--test-reporter-destination=${summary}`],
  ].flat()
  const args = ['--expose-gc', '--test', '--test-concurrency=1', ...reporters, ...files]
  const { status } = spawnSync(node, args, { cwd: root, stdio: 'inherit' })
  const text = existsSync(summary) ? readFileSync(summary, 'utf8') : ''
  rmSync(folder, { recursive: true })
  const count = (name) => Number(new RegExp(`^# ${name} (\\d+)$`, 'm').exec(text)?.[1] ?? 0)
  const failed = count('fail') + count('cancelled')
  const skipped = [...text.matchAll(/^ *ok \d+ - .*? # SKIP ?(.*)$/gm)].map(([, reason]) => reason)
  const failures = failuresIn(text).map((failure) => `${node}\n${failure}`)
  return { passed: count('pass'), failed: status === 0 ? failed : Math.max(failed, 1), skipped, failures }
}

/** The title and the error of each test that failed by itself, not because one inside it did. */
function failuresIn(tap) {
  const MOST_CHARACTERS = 4000
  const blocks = [...tap.matchAll(/^( *)not ok \d+ - [^\n]*\n(?:\1 {2}[^\n]*\n)*/gm)].map(([block]) => block)
  return blocks
    .filter((block) => !block.includes("failureType: 'subtestsFailed'"))
    .map((block) => block.slice(0, MOST_CHARACTERS).trimEnd())
}

function testFiles() {
  return readdirSync(join(root, '__test__'))
    .filter((file) => file.endsWith('.test.js'))
    .map((file) => join('__test__', file))
}

/** Builds what the node tests load; counts as one test each. */
export function builds() {
  const addon = ['build', '--release', '--example', 'test_addon']
  return [
    step('build', process.execPath, ['scripts/build.mjs', '--if-stale']),
    step("build the tests' own addon", 'cargo', addon),
  ]
}

/** Installs the devDependencies when they are absent or older than the lockfile. */
export function ensureDevDependencies() {
  const installed = statSync(join(root, 'node_modules', '.package-lock.json'), { throwIfNoEntry: false })
  const locked = statSync(join(root, 'package-lock.json'))
  if (installed && installed.mtimeMs >= locked.mtimeMs) return
  // Not `npm ci`: it refuses a lockfile without the packages of every platform, and some registries hold only a part.
  // Without their install scripts: what the tests use comes with its binary, and compiling would need Python.
  const args = ['install', '--no-save', '--no-audit', '--no-fund', '--ignore-scripts']
  const { status } = spawnSync('npm', args, { cwd: root, stdio: 'inherit' })
  if (status !== 0) throw new Error('npm install failed: the tests need their devDependencies')
}
