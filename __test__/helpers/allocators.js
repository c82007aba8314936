'use strict'

const { existsSync } = require('node:fs')
const { join } = require('node:path')

/** Where distributions put libraries. */
const FOLDERS = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/usr/lib64', '/usr/lib']

/** Debian's packages of other allocators than glibc's. */
const PACKAGES = {
  'libjemalloc.so.2': 'libjemalloc2',
  'libmimalloc.so.2': 'libmimalloc2.0',
  'libtcmalloc_minimal.so.4': 'libtcmalloc-minimal4',
}

/** The environment of a process that uses the allocator in this library. */
function preloaded(library) {
  const path = FOLDERS.map((folder) => join(folder, library)).find(existsSync)
  if (!path) throw new Error(`${library} was not found: apt-get install ${PACKAGES[library]}`)
  return { LD_PRELOAD: path }
}

module.exports = { preloaded }
