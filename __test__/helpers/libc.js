'use strict'

// The C library that this Node runs on. What rests on glibc's own malloc, which writes down whose its memory is, is skipped
// on musl, whose malloc does not.

const { spawnSync } = require('node:child_process')

const { header } = process.report.getReport()
const isMusl = process.platform === 'linux' && !header.glibcVersionRuntime
/** As in the names of binaries. */
const LIBC = isMusl ? 'musl' : 'gnu'

/** Options of a test of what there is with glibc alone, and why. `scripts/musl.mjs` expects such reasons. */
function needsGlibc(reason) {
  return { skip: isMusl && `glibc alone: ${reason}` }
}

/** Options of a test that uses a package of which npm installs the addon for one system. */
function needsAddonOf(name) {
  const { status } = spawnSync(process.execPath, ['-e', `require('${name}')`], { cwd: __dirname })
  const reason = isMusl
    ? `glibc alone: ${name} is installed for it`
    : `${name} is not installed for this system`
  return { skip: status !== 0 && reason }
}

module.exports = { LIBC, isMusl, needsAddonOf, needsGlibc }
