'use strict'

// What the kernel says, read in the plainest way: the yardstick of the tests.

const { readdirSync, readFileSync, readlinkSync } = require('node:fs')

/** Bytes per page: 4,096 on x64, 16,384 and 65,536 besides on arm64. */
function pageSize() {
  return kibField(readFileSync('/proc/self/smaps', 'latin1'), 'KernelPageSize')
}

/** Bytes of the huge pages that the system gives to everybody; 0 where it does not. */
function commonHugePage() {
  const setting = (name) => readFileSync(`/sys/kernel/mm/transparent_hugepage/${name}`, 'latin1')
  try {
    return setting('enabled').includes('[always]') ? Number(setting('hpage_pmd_size')) : 0
  } catch {
    return 0
  }
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

module.exports = { commonHugePage, pageSize, smapsRollup, status, descriptors }
