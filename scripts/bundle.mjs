// Writes bundle.js: native.js and all of lib/ in one file, each as a function that runs when it is first required.
//
// One file is loaded in half the time of twenty. And all of it is there from then on: what is used later needs no
// descriptor, no rights and no folder that are gone by then. The text of the sources stays as it is, comments too,
// so that a stack or a debugger shows what was written.

import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const ENTRY = 'lib/index.js'
const OUTPUT = join(root, 'bundle.js')

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

module.exports = bundled('${ENTRY}')
`
}

export function writeBundle() {
  const fresh = `${OUTPUT}.${process.pid}` // nobody shall read a half
  writeFileSync(fresh, bundle())
  renameSync(fresh, OUTPUT)
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
