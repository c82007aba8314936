'use strict'

// Which of the binaries in this package is for this process.

const { readFileSync } = require('node:fs')

const { arch } = process
const ARCHITECTURES = ['x64', 'arm64']

/** Whether the package has a binary for a processor of this kind. */
function hasBinary() {
  return ARCHITECTURES.includes(arch)
}

/** The name of the binary for the C library that is in use; those for both, where that is not known. */
function flavours() {
  return libraries().map((libc) => `linux-${arch}-${libc}`)
}

/** The loader of musl is mapped into every process that runs on it. */
function libraries() {
  try {
    return [readFileSync('/proc/self/maps', 'latin1').includes('/ld-musl-') ? 'musl' : 'gnu']
  } catch {
    return ['gnu', 'musl']
  }
}

module.exports = { flavours, hasBinary }
