// Publishes the package to a registry of its own, installs it from there as users do, and tries it on every Node.
//
//   node scripts/registry.mjs                   packs what is here
//   node scripts/registry.mjs --tarball FILE    takes a tarball that was packed before, such as that of a release
//   node scripts/registry.mjs --write           writes the tables into docs/installing.md
//
// The registry holds nothing but the package (and TypeScript, which PnP wants to have installed), and the users have
// neither a compiler nor cargo: what works here needs nothing else.

import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Checks } from './lib/checks.mjs'
import { execute, succeed } from './lib/execute.mjs'
import { table, writeBetweenMarkers } from './lib/markdown.mjs'
import { nodeBinary } from './lib/node-binary.mjs'
import { tarballIn } from './lib/pack.mjs'
import { cases } from './lib/registry/cases.mjs'
import { MANAGER_PACKAGES, npm, packageManagers } from './lib/registry/package-managers.mjs'
import { folderOf, RESOLUTIONS, WAYS, writePrograms } from './lib/registry/programs.mjs'
import { User } from './lib/registry/user.mjs'
import { startRegistry } from './lib/registry/verdaccio.mjs'
import { ensureDevDependencies, root } from './lib/steps.mjs'
import { installTools, versionIn } from './lib/tools.mjs'

/** Those that the package is made for, and those between, which few run for long. */
const MAJORS = ['20', '22', '24', '26']
const ODD_MAJORS = ['21', '23', '25']
const TYPESCRIPT = '5.9'

const { values: options } = parseArgs({
  options: { tarball: { type: 'string' }, write: { type: 'boolean', default: false } },
})
const libc = process.report.getReport().header.glibcVersionRuntime ? 'gnu' : 'musl'
/** What users name: the main entry, and the one for this platform. */
const entries = ['rs-memusage', `rs-memusage/linux-${process.arch}-${libc}`]
const checks = new Checks()

const modules = checks.need('everything', () => {
  ensureDevDependencies()
  return installTools(
    'registry',
    { verdaccio: '^6.0.0', typescript5: `npm:typescript@${TYPESCRIPT}`, ...MANAGER_PACKAGES },
    { 'node-fetch': '^2.7.0' }, // verdaccio asks for it by a tag, which not every mirror has
  )
})
if (!modules) checks.finish()
const nodes = [...MAJORS, ...ODD_MAJORS].sort().flatMap((major) => {
  const place = ODD_MAJORS.includes(major) ? join(root, 'target', 'registry') : undefined
  const path = checks.need(`Node ${major}`, () => nodeBinary(major, place))
  return path ? { major: Number(major), path, version: versionOf(path) } : []
})
const compilers = [
  { folder: join(modules, 'typescript5'), version: versionIn(modules, 'typescript5') },
  {
    folder: join(root, 'node_modules', 'typescript'),
    version: versionIn(join(root, 'node_modules'), 'typescript'),
  },
]
const nodeTitles = nodes.map(({ version }) => `Node ${version}`)

const folder = mkdtempSync(join(tmpdir(), 'rs-memusage-registry-'))
try {
  const registry = await startRegistry(modules, folder)
  try {
    const user = new User(registry.url)
    try {
      tryAll(user)
    } finally {
      user.leave()
    }
  } finally {
    await registry.stop()
  }
} finally {
  rmSync(folder, { recursive: true })
}
checks.finish()

function tryAll(user) {
  publish(user)
  const document = [...tryPackageManagers(user), tryCases(user)].join('\n\n')
  console.log(`\n${document}`)
  if (options.write) writeBetweenMarkers(join(root, 'docs', 'installing.md'), 'tables', document)
}

function publish(user) {
  const publishing = { cwd: folder, env: user.environment(process.execPath) }
  succeed([...npm(modules), 'publish', tarballIn(folder, options.tarball)], publishing)
  // As it came from npm, under its own name again.
  cpSync(join(modules, 'typescript5'), join(folder, 'typescript'), { recursive: true })
  succeed([...npm(modules), 'publish', join(folder, 'typescript')], publishing)
}

/** The tables of what runs and of what compiles. */
function tryPackageManagers(user) {
  const runs = [['installed by', 'loaded by', ...nodeTitles]]
  const compilations = [['installed by', 'compiled by', ...RESOLUTIONS.map(({ title }) => `\`${title}\``)]]
  for (const [index, manager] of packageManagers(modules).entries()) {
    const project = user.project(`project-${index}`)
    const packages = ['rs-memusage', ...(manager.tsc ? [`typescript@${TYPESCRIPT}`] : [])]
    checks.check(`${manager.title} installs ${packages.join(' and ')}`, () => {
      manager.prepare(project)
      succeed([...manager.install, ...packages], { cwd: project, env: user.environment(process.execPath) })
    })
    for (const entry of entries) writePrograms(project, entry)
    runs.push(...runsOf(manager, project, user))
    compilations.push(...compilationsOf(manager, project, user))
  }
  return [table(runs), table(compilations)]
}

function runsOf(manager, project, user) {
  return WAYS.map(({ way, file, expected }) => {
    const cells = nodes.map(({ path, version }) => {
      return forEntries((entry) => {
        return checks.check(`${manager.title}, ${way} of ${entry}, Node ${version}`, () => {
          const command = [...manager.run, join(folderOf(entry), file)]
          const { stdout, stderr } = execute(command, { cwd: project, env: user.environment(path) })
          assert.equal(stderr, '')
          assert.deepEqual(JSON.parse(stdout), expected)
        })
      })
    })
    return [manager.title, `\`${way}\``, ...cells]
  })
}

function compilationsOf(manager, project, user) {
  const env = user.environment(process.execPath)
  // Under PnP the compiler is the project's, which is the older one: PnP knows nothing of the newer.
  return compilers.slice(0, manager.tsc ? 1 : undefined).map(({ folder, version }) => {
    const tsc = manager.tsc ?? ['node', join(folder, 'bin', 'tsc')]
    const cells = RESOLUTIONS.map(({ title, module, files, last = Infinity }) => {
      if (Number.parseInt(version, 10) > last) return 'gone'
      return forEntries((entry) => {
        return checks.check(`${manager.title}, TypeScript ${version}, ${title}, ${entry}`, () => {
          const flags = `--noEmit --strict --target es2022 --module ${module} --moduleResolution ${title}`
          const sources = files.map((file) => join(folderOf(entry), file))
          succeed([...tsc, ...flags.split(' '), ...sources], { cwd: project, env })
        })
      })
    })
    return [manager.title, `TypeScript ${version}`, ...cells]
  })
}

/** The table of circumstances, each tried with both entries. */
function tryCases(user) {
  const rows = [['case', 'what is expected', ...nodeTitles]]
  for (const { title, expected, lacks, arrange } of cases({ user, modules, entries })) {
    if (lacks) {
      checks.skip(`${title}: ${lacks}`)
      rows.push([title, expected.title, ...nodes.map(() => 'not tried')])
      continue
    }
    let arranged
    if (!checks.check(`${title}: it can be arranged`, () => (arranged = arrange()))) {
      rows.push([title, expected.title, ...nodes.map(() => 'NOT arranged')])
      continue
    }
    const { cwd, uid, gid, env = {}, flags = () => [], undo = () => {} } = arranged
    try {
      const cells = nodes.map(({ major, path, version }) => {
        return forEntries((entry) => {
          return checks.check(`${title}, ${entry}, Node ${version}`, () => {
            const program = join(cwd, folderOf(entry), 'tell.cjs')
            const { stdout, stderr } = execute(['node', ...flags(major), program], {
              cwd,
              uid,
              gid,
              env: { ...user.environment(path), ...env },
            })
            assert.notEqual(stdout, '', stderr)
            assertLike(JSON.parse(stdout), expected.answer)
          })
        })
      })
      rows.push([title, expected.title, ...cells])
    } finally {
      undo()
    }
  }
  return table(rows)
}

/** Equal, but for the texts, which are to match patterns. */
function assertLike(actual, expected) {
  assert.deepEqual(Object.keys(actual).sort(), Object.keys(expected).sort(), JSON.stringify(actual))
  for (const [name, value] of Object.entries(expected)) {
    if (value instanceof RegExp) assert.match(actual[name], value)
    else assert.equal(actual[name], value)
  }
}

/** A cell: whether all is well with both entries. */
function forEntries(isWell) {
  const failing = entries.filter((entry) => !isWell(entry))
  return failing.length === 0 ? 'yes' : `NOT ${failing.join(', ')}`
}

function versionOf(node) {
  return succeed([node, '-p', 'process.versions.node'], { env: {} }).trim()
}
