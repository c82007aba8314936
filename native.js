'use strict'

// Finds and loads the native addon, or what stands in for it. Everything else in this package asks this file for it.

const { existsSync } = require('node:fs')
const { createRequire } = require('node:module')
const { dirname, join, resolve, sep } = require('node:path')
const { obstacle } = require('./lib/engine')
const given = require('./lib/given-addon')
const { flavours, hasBinary } = require('./lib/flavours')
const { inThisRealm, ownError } = require('./lib/own-realm')
const { withoutNative } = require('./lib/without-native')

const name = 'rs-memusage'
const { platform, arch } = process
/** The folder of this file; in a bundle of ES modules, which cannot say, that of the program. */
const folder = typeof __dirname === 'string' ? __dirname : dirname(process.argv[1] ?? process.execPath)

function candidates() {
  const explicit = process.env.RS_MEMUSAGE_NATIVE_PATH
  if (explicit) {
    const path = resolve(explicit) // from where the process runs, as in every such variable, not from this file
    return [{ id: path, load: () => openLibrary(path) }]
  }
  if (given.load !== null) return [{ id: given.id, load: loadGiven }]
  return flavours().map((flavour) => {
    const path = join(folder, `${name}.${flavour}.node`)
    return { id: path, load: () => createRequire(path)(path) } // no bundler takes this for a path of its own
  })
}

/** What bundlers make of `require('….node')`: the addon, its path beside the program, or a namespace around either. */
function loadGiven() {
  const loaded = given.load()
  const addon = loaded.default ?? loaded
  return typeof addon === 'string' ? openLibrary(resolve(folder, addon)) : addon
}

/** Past `require`, which in a bundle is not Node's and knows nothing outside of it. */
function openLibrary(path) {
  const library = { exports: {} }
  process.dlopen(library, path)
  return library.exports
}

function load() {
  const attempts = []
  for (const { id, load } of candidates()) {
    try {
      return inThisRealm(load())
    } catch (error) {
      attempts.push({ id, error })
    }
  }
  if (attempts.some(({ error }) => error.code === 'ERR_DLOPEN_DISABLED')) {
    return withoutNative(
      'this process may load no addons: it runs with --no-addons, or with --permission and without --allow-addons',
    )
  }
  if (!hasBinary()) return withoutNative(`there is no binary for ${platform}-${arch}`)
  const error = loadError(attempts)
  if (process.env.RS_MEMUSAGE_OPTIONAL === '1') return withoutNative(firstLine(error))
  throw error
}

function loadError(attempts) {
  const lines = attempts.map(({ id, error }) => `  - ${id}: ${firstLine(error)}`)
  const causes = attempts.map((attempt) => attempt.error)
  const error = new Error(
    `${name} found no native addon for ${platform}-${arch} (Node ${process.version}) that loads. Tried:\n` +
      `${lines.join('\n')}\n${remedy(attempts)}`,
    { cause: ownError(causes.find((cause) => cause.code !== 'MODULE_NOT_FOUND')) },
  )
  error.code = 'ERR_MEMUSAGE_NATIVE_LOAD'
  error.attempts = attempts.map(({ id }) => id)
  return error
}

/** One sentence for the case at hand. */
function remedy(attempts) {
  if (process.env.RS_MEMUSAGE_NATIVE_PATH) {
    return 'RS_MEMUSAGE_NATIVE_PATH names this file: correct or unset it.'
  }
  if (isBundled()) {
    return (
      `${name} was bundled into a file in ${folder}, and its addon was left behind: name it as an external of the ` +
      `bundle, or bundle "${name}/${flavours()[0]}", which names the addon, or copy ${name}.${flavours()[0]}.node ` +
      'beside the program, or elsewhere and its path into RS_MEMUSAGE_NATIVE_PATH.'
    )
  }
  if (!folder.includes(`${sep}node_modules${sep}`)) {
    return `This is a checkout: run "npm run build" in ${folder}, which needs Rust.`
  }
  const reasons = attempts.map(({ error }) => String(error?.message)).join('\n')
  if (/failed to map segment|Operation not permitted/.test(reasons)) {
    return (
      'The package lies on a file system from which nothing may be executed: copy the .node file to another one, and ' +
      'put its path into RS_MEMUSAGE_NATIVE_PATH.'
    )
  }
  const [, needed] = /version `(GLIBC_[\d.]+)' not found/.exec(reasons) ?? []
  if (needed) return `The addon needs ${needed} or newer, and the C library of this system is older.`
  return (
    `All binaries are in the package, so this copy of it is incomplete or damaged: install ${name} again, and copy ` +
    'node_modules with its .node files. RS_MEMUSAGE_OPTIONAL=1 goes on without the addon.'
  )
}

/** Whether this code runs from another file than the package's, beside which no binary can be expected. */
function isBundled() {
  return !existsSync(join(folder, 'include', 'rs_memusage.h'))
}

function firstLine(error) {
  return String(error?.message ?? error).split('\n', 1)[0]
}

const reason = obstacle()
module.exports = reason === null ? load() : withoutNative(reason)
