// Writes bundle.js: native.js and all of lib/ in one file, each as a function that runs when it is first required. And
// platforms/, an entry for each binary that names it in a literal require, for bundlers to follow.
//
// One file is loaded in half the time of twenty. And all of it is there from then on: what is used later needs no
// descriptor, no rights and no folder that are gone by then. The text of the sources stays as it is, comments too,
// so that a stack or a debugger shows what was written.

import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const ENTRY = 'lib/index.js'
const OUTPUT = join(root, 'bundle.js')
const PLATFORMS = join(root, 'platforms')
/** The binaries of the package. */
export const FLAVOURS = ['linux-x64-gnu', 'linux-x64-musl', 'linux-arm64-gnu', 'linux-arm64-musl']

/** The text of bundle.js. */
export function bundle() {
  const sources = new Map()
  add(ENTRY, sources)
  const files = [...sources].map(([file, source]) => `'${file}'(module) {\n${source}},\n`)
  return `'use strict'

// Made of the files named below by scripts/bundle.mjs. Change those, not this: "node scripts/bundle.mjs" makes it anew.

const sources = {
${files.join('\n')}}

const loaded = new Map()

/** The exports of one of them. */
function bundled(file) {
  let module = loaded.get(file)
  if (!module) {
    module = { exports: {} }
    loaded.set(file, module)
    sources[file](module)
  }
  return module.exports
}

/** The API. An entry for one platform gives the binary that it names: what that is called, and how it is loaded. */
module.exports = (given) => {
  if (given) Object.assign(bundled('lib/given-addon.js'), given)
  return bundled('${ENTRY}')
}
`
}

/** The text of the entry for one binary: index.js, which is told where the addon is. */
export function entryFor(flavour) {
  const binary = `rs-memusage.${flavour}.node`
  const given = `{ id: '${binary}', load: () => require('../${binary}') }`
  const api = "require('./bundle')()"
  const index = readFileSync(join(root, 'index.js'), 'utf8')
  if (!index.includes(api)) throw new Error(`index.js has no "${api}"`)
  return index.replace(api, `require('../bundle')(${given})`)
}

export function writeBundle() {
  write(OUTPUT, bundle())
  mkdirSync(PLATFORMS, { recursive: true })
  for (const flavour of FLAVOURS) write(join(PLATFORMS, `${flavour}.js`), entryFor(flavour))
}

function write(file, text) {
  const fresh = `${file}.${process.pid}` // nobody shall read a half
  writeFileSync(fresh, text)
  renameSync(fresh, file)
}

/** Adds a file and, before it, all that it requires of ours. */
function add(file, sources) {
  const text = readFileSync(join(root, file), 'utf8')
  const source = text.replace(/\brequire\('(\.[^']+)'\)/g, (call, id) => {
    if (id.endsWith('.json')) return call // beside bundle.js as beside native.js
    const required = `${relative(root, join(root, dirname(file), id))}.js`
    if (!sources.has(required)) add(required, sources)
    return `bundled('${required}')`
  })
  sources.set(file, source)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeBundle()
