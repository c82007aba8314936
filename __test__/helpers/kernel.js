'use strict'

// What the kernel says, read in the plainest way: the yardstick of the tests.

const { readdirSync, readFileSync, readlinkSync } = require('node:fs')

/** Bytes per page: 4,096 on x64, 16,384 and 65,536 besides on arm64. */
function pageSize() {
  return kibField(readFileSync('/proc/self/smaps', 'latin1'), 'KernelPageSize')
}

/** The sum of one field over all mappings of a process, in bytes. */
function smapsRollup(field, pid = 'self') {
  return kibField(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'), field)
}

/** One field of /proc/self/status, in bytes. */
function status(field) {
  return kibField(readFileSync('/proc/self/status', 'latin1'), field)
}

function kibField(text, field) {
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(text)[1]) * 1024
}

/** Open descriptors of this process as [number, target] pairs, without the one that lists them. */
function descriptors() {
  return readdirSync('/proc/self/fd').flatMap((number) => {
    try {
      return [[Number(number), readlinkSync(`/proc/self/fd/${number}`)]]
    } catch {
      return []
    }
  })
}

module.exports = { pageSize, smapsRollup, status, descriptors }
