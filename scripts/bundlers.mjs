// Bundles small programs with the bundlers of the day, and runs what comes out where nothing else is.
//
//   node scripts/bundlers.mjs                   packs what is here
//   node scripts/bundlers.mjs --tarball FILE    takes a tarball that was packed before
//   node scripts/bundlers.mjs --only esbuild    those whose title begins with this
//   node scripts/bundlers.mjs --write           writes the table of all into docs/bundlers.md
//
// Of this package it is checked what comes of each way, and that docs/bundlers.md shows the lines that were tried. Two
// other addons stand beside it in the table; nothing is expected of them.

import assert from 'node:assert/strict'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { WAYS } from './lib/bundlers/bundlers.mjs'
import { BINARY, copyPackage, SUBJECTS } from './lib/bundlers/subjects.mjs'
import { Checks } from './lib/checks.mjs'
import { execute, succeed } from './lib/execute.mjs'
import { table, writeBetweenMarkers } from './lib/markdown.mjs'
import { nodeBinary } from './lib/node-binary.mjs'
import { tarballIn } from './lib/pack.mjs'
import { ensureDevDependencies, root } from './lib/steps.mjs'
import { installTools, versionIn } from './lib/tools.mjs'

/** The bundlers and the other addons want 22 or newer. */
const MAJOR = '24'
const TOOLS = {
  '@rollup/plugin-commonjs': '^29.0.3',
  '@rollup/plugin-json': '^6.1.0',
  '@rollup/plugin-node-resolve': '^16.0.3',
  '@vercel/ncc': '^0.45.0',
  esbuild: '^0.28.2',
  'node-loader': '^2.1.0',
  postject: '1.0.0-alpha.6',
  rolldown: '^1.3.2',
  rollup: '^4.68.7',
  vite: '^8.3.8',
  webpack: '^5.112.2',
  'webpack-cli': '^7.3.1',
}
const DOCUMENT = join(root, 'docs', 'bundlers.md')
const MOST_CHARACTERS = 110

const { values: options } = parseArgs({
  options: {
    tarball: { type: 'string' },
    only: { type: 'string', default: '' },
    write: { type: 'boolean', default: false },
  },
})
if (options.write && options.only) throw new Error('--write is for the table of all, so not with --only')
const checks = new Checks()
const modules = checks.need('everything', () => {
  ensureDevDependencies()
  return installTools('bundlers', TOOLS)
})
const node = modules && checks.need('everything', () => nodeBinary(MAJOR))
if (!node) checks.finish()
const folder = mkdtempSync(join(tmpdir(), 'rs-memusage-bundlers-'))
const project = join(folder, 'project')
const projectModules = join(project, 'node_modules')
/** What an installation on the server would give. */
const deployed = join(folder, 'deployed', 'node_modules')
const binaryElsewhere = join(folder, 'elsewhere.node')
const env = {
  HOME: folder,
  NO_COLOR: '1',
  PATH: [dirname(node), join(modules, '.bin'), '/usr/bin', '/bin'].join(delimiter),
}
try {
  prepare()
  const ways = WAYS.filter(({ title }) => title.startsWith(options.only))
  const builds = ways.flatMap((way) =>
    SUBJECTS.filter((subject) => isFor(way, subject)).map((subject) => build(way, subject)),
  )
  // No output shall find what it was made of.
  renameSync(project, `${project}-gone`)
  for (const made of builds) run(made)
  const document = table(rowsOf(ways, builds))
  console.log(`\n${document}`)
  checkLines(ways)
  if (options.write) writeBetweenMarkers(DOCUMENT, 'table', document)
} finally {
  rmSync(folder, { recursive: true })
}
checks.finish()

/** A project with the packages, as copies, and the tools. */
function prepare() {
  mkdirSync(project)
  writeFileSync(join(project, 'package.json'), '{ "private": true }\n')
  const install = ['npm', 'install', '--no-audit', '--no-fund', tarballIn(folder, options.tarball)]
  succeed(install, { cwd: project, env })
  for (const name of ['better-sqlite3', 'sharp'])
    copyPackage(name, join(root, 'node_modules'), projectModules)
  for (const name of new Set(SUBJECTS.map((subject) => subject.package)))
    copyPackage(name, projectModules, deployed)
  for (const name of Object.keys(TOOLS)) {
    mkdirSync(dirname(join(projectModules, name)), { recursive: true })
    symlinkSync(join(modules, name), join(projectModules, name))
  }
  cpSync(join(projectModules, 'rs-memusage', BINARY), binaryElsewhere)
}

function kindOf({ entry }) {
  return entry.includes('/') ? 'static' : 'main'
}

function isFor(way, subject) {
  return kindOf(subject) in way.entries && (way.package ?? subject.package) === subject.package
}

/** Bundles one program one way. `output` is the folder with what came of it; `trouble` is why there is none. */
function build(way, subject) {
  const own = subject.program(subject.entry)
  const program = way.program ? own.replace(/^import .*$/m, () => way.program) : own
  const files = { 'main.mjs': program, ...way.files }
  for (const [file, text] of Object.entries(files)) {
    writeFileSync(join(project, file), text.replaceAll('PACKAGE', subject.package))
  }
  for (const command of way.commands) {
    const words = command.map((word) =>
      word === 'NODE' ? node : word.replaceAll('PACKAGE', subject.package),
    )
    const { status, stdout, stderr } = execute(words, { cwd: project, env })
    if (status !== 0) {
      rmSync(join(project, 'out'), { recursive: true, force: true })
      return { way, subject, trouble: sentenceOf(`${stdout}\n${stderr}`) }
    }
  }
  const output = mkdtempSync(join(folder, 'output-'))
  renameSync(join(project, 'out'), output)
  return { way, subject, output }
}

/** Runs what was built, and checks what is said of this package. */
function run(made) {
  const { way, subject, output, trouble } = made
  if (way.isDeployed && output) copyPackage(subject.package, deployed, join(output, 'node_modules'))
  made.alone = trouble ? { outcome: 'no build', sentence: trouble } : start(made)
  if (subject.package !== 'rs-memusage') return
  const expected = way.entries[kindOf(subject)]
  const title = [way.title, ...way.lines, subject.entry].join('; ')
  made.isWell = checks.check(title, () => {
    assert.equal(made.alone.outcome, expected, made.alone.sentence)
  })
  if (trouble) return
  made.named = start(made, { RS_MEMUSAGE_NATIVE_PATH: binaryElsewhere })
  checks.check(`${title}; RS_MEMUSAGE_NATIVE_PATH`, () => {
    assert.equal(made.named.outcome, 'works', made.named.sentence)
  })
}

function start({ way, output }, more = {}) {
  const { stdout, stderr } = execute(way.start, { cwd: output, env: { PATH: dirname(node), ...more } })
  if (stdout === 'works\n') return { outcome: 'works' }
  const isRefusal = stderr.includes('ERR_MEMUSAGE_NATIVE_LOAD') && stderr.includes('was bundled into')
  return { outcome: isRefusal ? 'refused' : 'fails', sentence: sentenceOf(stderr || stdout) }
}

/** The line that says what is wrong. */
function sentenceOf(text) {
  const known =
    /No loader is configured.*|Module parse failed.*|RollupError: .*|Could not load .*|\w*Error(?: \[\w+\])?: .*/
  const line = printable(known.exec(text)?.[0] ?? text.trim().split('\n')[0])
  const short = line.replaceAll(`${folder}/`, '').replace(/output-\w+\//g, '')
  return short.length > MOST_CHARACTERS ? `${short.slice(0, MOST_CHARACTERS)}…` : short
}

/** Bundlers quote what they stumbled over, which here is the first byte of a binary. */
function printable(text) {
  return text.replace(/\p{Cc}/gu, (character) => `\\x${character.charCodeAt(0).toString(16)}`)
}

function rowsOf(ways, builds) {
  const entries = SUBJECTS.map(({ entry }) => entry)
  const head = ['bundler', 'what is written', ...entries.map(code), '`RS_MEMUSAGE_NATIVE_PATH`']
  return [
    head,
    ...ways.map((way) => {
      const made = builds.filter((build) => build.way === way)
      const named = made.flatMap((build) => build.named ?? [])
      return [
        titleOf(way),
        writtenFor(way),
        ...entries.map((entry) => cellOf(made.find(({ subject }) => subject.entry === entry)?.alone)),
        named.every(({ outcome }) => outcome === 'works')
          ? 'works'
          : cellOf(named.find(({ sentence }) => sentence)),
      ]
    }),
  ]
}

function titleOf({ title }) {
  const name = title.split(/[ ,]/)[0]
  return name in TOOLS ? title.replace(name, `${name} ${versionIn(modules, name)}`) : title
}

function writtenFor({ lines, isDeployed }) {
  const named = lines.map((line) => line.replaceAll('PACKAGE', 'rs-memusage'))
  const short = named.map((line) => (line.includes('\n') ? 'the lines above' : code(line)))
  const all = short.length > 0 ? short.join(', ') : 'nothing'
  return isDeployed ? `${all}; node_modules beside` : all
}

function cellOf(result) {
  if (!result) return ''
  const { outcome, sentence } = result
  if (outcome === 'works') return 'works'
  if (outcome === 'refused') return 'error with the remedy'
  return `${outcome}: ${code(sentence.replaceAll('`', "'"))}`
}

function code(text) {
  return `\`${text.replaceAll('|', '\\|')}\``
}

/** What the document tells people to write is what was tried. */
function checkLines(ways) {
  const document = readFileSync(DOCUMENT, 'utf8').split('<!--')[0]
  for (const { title, lines } of ways) {
    for (const line of lines) {
      checks.check(`docs/bundlers.md has the line for ${title}: ${line}`, () => {
        assert.ok(document.includes(line.replaceAll('PACKAGE', 'rs-memusage')))
      })
    }
  }
}
