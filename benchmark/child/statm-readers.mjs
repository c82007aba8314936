// The two ways to read statm without an addon.

import { execFileSync } from 'node:child_process'
import { openSync, readFileSync, readSync } from 'node:fs'

const STATM = '/proc/self/statm'
const SPACE = ' '.charCodeAt(0)
const ZERO = '0'.charCodeAt(0)

export function createStatmReaders() {
  const pageSize = Number(execFileSync('getconf', ['PAGESIZE'])) // Node does not tell
  const descriptor = openSync(STATM)
  const buffer = Buffer.alloc(128)

  /** As fast as JavaScript can: no opening, no string. */
  function readKeptStatm() {
    readSync(descriptor, buffer, 0, buffer.length, 0)
    let at = buffer.indexOf(SPACE) + 1
    let pages = 0
    while (buffer[at] !== SPACE) {
      pages = pages * 10 + buffer[at] - ZERO
      at++
    }
    return pages * pageSize
  }

  /** As one writes it down. */
  function readStatmFile() {
    return Number(readFileSync(STATM, 'latin1').split(' ')[1]) * pageSize
  }

  return { readKeptStatm, readStatmFile }
}
