// Runs the tests, or any command, on the kernels that production runs: Debian's 5.10, 6.1 and 6.12, booted by QEMU in
// emulation with an empty system around Node and this package. On arm64 6.12 with pages of 16 KiB besides.
//
//   node scripts/kernels.mjs                               the scene and the node tests that apply, on all kernels
//   node scripts/kernels.mjs --kernel 5.10 --kernel 6.1    on these
//   node scripts/kernels.mjs --node 20 --node 24           with these majors instead of 20, 22, 24 and 26
//   node scripts/kernels.mjs --arch arm64                  on a machine of arm64's, all kernels that there are for it
//   node scripts/kernels.mjs --run 'node my-test.mjs'      what runs inside, in the package's folder; may be repeated
//   node scripts/kernels.mjs --seconds 300                 how long each command may take (600)
//   node scripts/kernels.mjs --verbose                     with all that is printed inside
//
// Inside, a command is root, alone with an empty cgroup v2 tree at /sys/fs/cgroup, and `node` is each major in turn. What
// prints TAP (`node --test --test-reporter=tap`) or a line `N passed, N failed` is counted test by test, any other command
// as one test. It ends with such a line for each kernel and one in all, and with status 1 when something failed or did
// not end in time. Before that it prints what was said of the form `# name = value, name = value` as a table, a row for
// each kernel and Node. Tables that a command prints are shown as they are.
//
// Needs Debian's packages qemu-system-x86, busybox-static and cpio, and apt; for arm64 npm besides, what
// scripts/build-all.mjs needs, and the rs-memusage.linux-arm64-gnu.node that it builds. What can be kept is kept in
// target/kernels or target/arm64.

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { writeBundle } from './bundle.mjs'
import { crossBuilt } from './cross/toolchain.mjs'
import { packageArchive, systemArchive } from './kernels/archives.mjs'
import { KERNELS, kernelImage } from './kernels/debian.mjs'
import { boot } from './kernels/machine.mjs'
import { builtAddon } from './lib/arm64.mjs'
import { root, step, Tally } from './lib/steps.mjs'

/** Tests of what differs between kernels. Those that need a compiler find none inside. */
const TEST_FILES = [
  'rss-breakdown',
  'worker-rss',
  'external-buffers',
  'memory-usage',
  'peak-rss',
  'footprint',
  'descriptors',
]
const TESTS = TEST_FILES.map((name) => `node --expose-gc --test --test-reporter=tap __test__/${name}.test.js`)
const COMMANDS = {
  x64: [
    'node --expose-gc --test-reporter=tap scripts/kernels/scene.mjs',
    'node --test --test-reporter=tap scripts/limits/groups.mjs',
    ...TESTS,
  ],
  arm64: ['node scripts/cross/inside.mjs', ...TESTS],
}
/** From power on to the first command, and from the last one to power off. */
const SECONDS_AROUND = 120

const { values } = parseArgs({
  options: {
    arch: { type: 'string', default: 'x64' },
    kernel: { type: 'string', multiple: true },
    node: { type: 'string', multiple: true, default: ['20', '22', '24', '26'] },
    run: { type: 'string', multiple: true },
    seconds: { type: 'string', default: '600' },
    verbose: { type: 'boolean', default: false },
  },
})
const {
  arch,
  node: majors,
  run: commands = COMMANDS[arch],
  kernel: kernels = Object.keys(KERNELS[arch]),
} = values
const cache = join(root, 'target', arch === 'x64' ? 'kernels' : arch)
mkdirSync(cache, { recursive: true })
const tally = new Tally()
/** What was measured, by name, a row for each kernel and Node. */
const rows = []
const testAddon = build()
const seconds = Number(values.seconds)
const archives = [systemArchive(arch, majors, cache), packageArchive(testAddon, commands, seconds, cache)]
for (const version of kernels) {
  const kernel = kernelImage(arch, version, cache)
  console.log(`\n# ${kernel.slice(kernel.lastIndexOf('vmlinuz-') + 'vmlinuz-'.length)}`)
  const limit = SECONDS_AROUND + seconds * commands.length * majors.length
  const { output, ended } = await boot({
    arch,
    kernel,
    archives,
    seconds: limit,
    cache,
    show: values.verbose,
  })
  const counts = count(output, version)
  if (!ended) {
    console.log(`# FAILED: it was stopped after ${limit} seconds, or fell over\n${output.slice(-2000)}`)
    counts.failed += 1
  }
  console.log(`# ${version}: ${counts.passed} passed, ${counts.failed} failed`)
  tally.add(counts)
}
printTable()
tally.finish()

/** Builds what runs inside, but for the addon of arm64's, and gives the path of the tests' own. */
function build() {
  if (arch === 'arm64') {
    builtAddon()
    writeBundle()
    return crossBuilt('aarch64-unknown-linux-gnu', '--example', 'test_addon')
  }
  const built = [
    step('build', process.execPath, ['scripts/build.mjs', '--if-stale']),
    step("build the tests' own addon", 'cargo', ['build', '--release', '--example', 'test_addon']),
  ]
  if (built.some(({ failed }) => failed > 0)) process.exit(1)
  return join(root, 'target', 'release', 'examples', 'libtest_addon.so')
}

/** Counts what ran between the marks of scripts/kernels/init.sh, and shows what failed of it. */
function count(output, kernel) {
  const counts = { passed: 0, failed: 0 }
  for (const major of majors) {
    const row = new Map([
      ['kernel', kernel],
      ['Node', major],
    ])
    rows.push(row)
    for (const [index, command] of commands.entries()) {
      const begin = `@@ begin ${major} ${index}\n`
      const [, text = '', status = 'missing'] =
        new RegExp(`${begin}([^]*?)\n@@ end ${major} ${index} (\\d+)\n`).exec(output) ?? []
      const outcome = countOne(text, status)
      const failed = outcome.failed > 0 ? ', FAILED' : ''
      console.log(`# Node ${major}: ${command}: ${outcome.passed} ok, ${outcome.failed} not ok${failed}`)
      if (outcome.failed > 0 && !values.verbose) console.log(text)
      else for (const [line] of text.matchAll(/^\|.*\|$/gm)) console.log(line)
      for (const [, line] of text.matchAll(/^ *# (.* = .*)$/gm)) {
        for (const figure of line.split(', ')) row.set(...figure.split(' = ', 2))
      }
      counts.passed += outcome.passed
      counts.failed += outcome.failed
    }
  }
  return counts
}

/** As Markdown, for documents. */
function printTable() {
  const names = [...new Set(rows.flatMap((row) => [...row.keys()]))]
  const lines = [
    names,
    names.map(() => '---'),
    ...rows.map((row) => names.map((name) => row.get(name) ?? '')),
  ]
  console.log(`\n${lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')}`)
}

function countOne(text, status) {
  const figure = (name) => Number(new RegExp(`^# ${name} (\\d+)$`, 'm').exec(text)?.[1] ?? 0)
  const isTap = /^# pass \d+$/m.test(text)
  const tallied = /^(\d+) passed, (\d+) failed/m.exec(text)
  const passed = isTap ? figure('pass') : Number(tallied?.[1] ?? status === '0')
  const failed = isTap ? figure('fail') + figure('cancelled') : Number(tallied?.[2] ?? 0)
  return { passed, failed: status === '0' ? failed : Math.max(failed, 1) }
}
