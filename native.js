'use strict'

// Finds and loads the native addon. Everything else in this package asks this file for it.

const { join } = require('node:path')
const { name, version } = require('./package.json')

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
  if (explicit) return [{ id: explicit, load: () => require(explicit) }]
  return flavours().flatMap((flavour) => {
    const local = join(__dirname, `${name}.${flavour}.node`)
    const prebuilt = `${name}-${flavour}`
    return [
      { id: local, load: () => require(local) },
      { id: prebuilt, load: () => loadPackage(prebuilt) },
    ]
  })
}

function loadPackage(id) {
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
  const error = new Error(
    `${name} has no native addon for ${platform}-${arch} (Node ${process.version}). Tried:\n${lines.join('\n')}\n` +
      `Reinstall ${name} without omitting optional dependencies (a lockfile made on another system drops them), ` +
      `or run "npm run build" in ${__dirname}, which needs Rust.`,
    { cause: attempts.map((attempt) => attempt.error).find((cause) => cause.code !== 'MODULE_NOT_FOUND') },
  )
  error.code = 'ERR_MEMUSAGE_NATIVE_LOAD'
  error.attempts = attempts.map(({ id }) => id)
  return error
}

function firstLine(error) {
  return String(error?.message ?? error).split('\n', 1)[0]
}

module.exports = load()
