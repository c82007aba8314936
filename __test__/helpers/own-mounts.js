'use strict'

// Processes with mounts of their own, so that they find something else in /proc.

const { spawnSync } = require('node:child_process')

/** Root may do it at once; others become root in a namespace of users first, where the system lets them. */
const UNSHARE = process.getuid() === 0 ? ['--mount'] : ['--user', '--map-root-user', '--mount']

/** A shell's beginning after which `/proc` is this folder. For the option `shell` of `inChild()`. */
function withProcIn(folder) {
  const inside = `mount --bind "${folder}" /proc; exec "$0" "$@"`
  return `exec unshare ${UNSHARE.join(' ')} sh -c '${inside}' "$0" "$@"`
}

/** Options of a test that uses it. */
function needsOwnMounts() {
  const { status } = spawnSync('unshare', [...UNSHARE, 'mount', '--bind', '/tmp', '/proc'], {
    stdio: 'ignore',
  })
  return { skip: status === 0 ? false : 'this user may not mount' }
}

module.exports = { needsOwnMounts, withProcIn }
