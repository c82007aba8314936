'use strict'

// Finds and loads the native addon, or what stands in for it. Everything else in this package asks this file for it.

const { existsSync } = require('node:fs')
const { join, resolve, sep } = require('node:path')
const { obstacle } = require('./lib/engine')
const { inThisRealm, ownError } = require('./lib/own-realm')
const { withoutNative } = require('./lib/without-native')

const name = 'rs-memusage'
const { platform, arch } = process

/** Flavours of the binary for this system, best first. A foreign libc fails to load and the next one is tried. */
function flavours() {
  const system = `${platform}-${arch}`
  if (platform === 'linux') return [`${system}-gnu`, `${system}-musl`]
  if (platform === 'win32') return [`${system}-msvc`]
  return [system]
}

function candidates() {
  const explicit = process.env.RS_MEMUSAGE_NATIVE_PATH
  if (explicit) {
    const path = resolve(explicit) // from where the process runs, as in every such variable, not from this file
    return [{ id: path, load: () => openLibrary(path) }]
  }
  return flavours().flatMap((flavour) => {
    const local = join(__dirname, `${name}.${flavour}.node`)
    const prebuilt = `${name}-${flavour}`
    return [
      { id: local, load: () => require(local) },
      { id: prebuilt, load: () => loadPackage(prebuilt) },
    ]
  })
}

/** Past `require`, which in a bundle is not Node's and knows nothing outside of it. */
function openLibrary(path) {
  const library = { exports: {} }
  process.dlopen(library, path)
  return library.exports
}

function loadPackage(id) {
  const { version } = require('./package.json')
  const found = require(`${id}/package.json`).version
  if (found !== version) throw new Error(`version ${found} does not belong to ${name} ${version}`)
  return require(id)
}

function load() {
  const attempts = []
  for (const { id, load } of candidates()) {
    try {
      return load()
    } catch (error) {
      attempts.push({ id, error })
    }
  }
  throw loadError(attempts)
}

function loadError(attempts) {
  const lines = attempts.map(({ id, error }) => `  - ${id}: ${firstLine(error)}`)
  const causes = attempts.map((attempt) => attempt.error)
  const error = new Error(
    `${name} has no native addon for ${platform}-${arch} (Node ${process.version}). Tried:\n${lines.join('\n')}\n` +
      remedy(attempts),
    { cause: ownError(causes.find((cause) => cause.code !== 'MODULE_NOT_FOUND')) },
  )
  error.code = 'ERR_MEMUSAGE_NATIVE_LOAD'
  error.attempts = attempts.map(({ id }) => id)
  return error
}

function remedy(attempts) {
  if (attempts.some(({ error }) => error.code === 'ERR_DLOPEN_DISABLED')) {
    return 'This process may load no addons: leave out --no-addons, and give --allow-addons beside --permission.'
  }
  if (process.env.RS_MEMUSAGE_NATIVE_PATH) {
    return 'RS_MEMUSAGE_NATIVE_PATH names this file: correct or unset it.'
  }
  const build = `"npm run build" in ${__dirname}, which needs Rust`
  if (isBundled()) {
    return (
      `${name} was bundled into a file in ${__dirname}, and bundlers leave addons behind: name it as an external of ` +
      'the bundle, or put the .node file beside the program and its path into RS_MEMUSAGE_NATIVE_PATH.'
    )
  }
  if (!__dirname.includes(`${sep}node_modules${sep}`)) return `This is a checkout: run ${build}.`
  return (
    `Reinstall ${name} without omitting optional dependencies (a lockfile made on another system drops them), ` +
    `or run ${build}.`
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
module.exports = reason === null ? inThisRealm(load()) : withoutNative(reason)
