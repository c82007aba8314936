'use strict'

// Other allocators than glibc's. Not every machine has them: tests that need one are skipped where it is not.

const { existsSync } = require('node:fs')
const { join } = require('node:path')
const { isMusl } = require('./libc')

/** Where distributions put libraries. */
const FOLDERS = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/usr/lib64', '/usr/lib']

/** Debian's packages of them. */
const PACKAGES = {
  'libjemalloc.so.2': 'libjemalloc2',
  'libmimalloc.so.2': 'libmimalloc2.0',
  'libtcmalloc_minimal.so.4': 'libtcmalloc-minimal4',
}

/** The environment of a process that uses the allocator in this library. */
function preloaded(library) {
  const missing = lacking(library)
  if (missing) throw new Error(missing)
  return { LD_PRELOAD: find(library) }
}

/** Options of a test that uses these libraries. */
function needs(...libraries) {
  return { skip: libraries.map(lacking).find(Boolean) ?? false }
}

/** Why a test cannot use this library; `null` when it can. */
function lacking(library) {
  if (isMusl) return `glibc alone: ${library} is built for it`
  return find(library) ? null : `${library} was not found: apt-get install ${PACKAGES[library]}`
}

function find(library) {
  return FOLDERS.map((folder) => join(folder, library)).find(existsSync)
}

module.exports = { lacking, needs, preloaded }
