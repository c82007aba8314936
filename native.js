'use strict'

// Finds and loads the native addon, or what stands in for it. Everything else in this package asks this file for it.

const { existsSync } = require('node:fs')
const { createRequire } = require('node:module')
const { join, resolve, sep } = require('node:path')
const { obstacle } = require('./lib/engine')
const given = require('./lib/given-addon')
const { flavours, hasBinary } = require('./lib/flavours')
const { inThisRealm, ownError } = require('./lib/own-realm')
const { withoutNative } = require('./lib/without-native')

const name = 'rs-memusage'
const { platform, arch } = process

function candidates() {
  const explicit = process.env.RS_MEMUSAGE_NATIVE_PATH
  if (explicit) {
    const path = resolve(explicit) // from where the process runs, as in every such variable, not from this file
    return [{ id: path, load: () => openLibrary(path) }]
  }
  if (given.load !== null) return [{ id: given.id, load: given.load }]
  return flavours().map((flavour) => {
    const path = join(__dirname, `${name}.${flavour}.node`)
    return { id: path, load: () => createRequire(__filename)(path) } // no bundler takes this for a path of its own
  })
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
      `${name} was bundled into a file in ${__dirname}, and its addon was left behind: name it as an external of the ` +
      `bundle, or bundle "${name}/${flavours()[0]}", which names the addon, or put the .node file beside the program ` +
      'and its path into RS_MEMUSAGE_NATIVE_PATH.'
    )
  }
  if (!__dirname.includes(`${sep}node_modules${sep}`)) {
    return `This is a checkout: run "npm run build" in ${__dirname}, which needs Rust.`
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
  return !existsSync(join(__dirname, 'include', 'rs_memusage.h'))
}

function firstLine(error) {
  return String(error?.message ?? error).split('\n', 1)[0]
}

const reason = obstacle()
module.exports = reason === null ? load() : withoutNative(reason)
