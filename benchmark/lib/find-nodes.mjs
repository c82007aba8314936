// The Node binaries to measure.

import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './root.mjs'

/** The given binaries, else one per major in `.node-versions`, else the Node that runs this. Oldest first. */
export function findNodes(given = []) {
  const paths = given.length > 0 ? given : installed()
  return (paths.length > 0 ? paths : [process.execPath])
    .map((path) => ({ path, version: versionOf(path) }))
    .sort((a, b) => a.version.localeCompare(b.version, 'en', { numeric: true }))
}

function installed() {
  const versions = join(root, '.node-versions')
  if (!existsSync(versions)) return []
  return readdirSync(versions)
    .map((major) => join(versions, major, 'node_modules', '.bin', 'node'))
    .filter((path) => existsSync(path))
}

function versionOf(path) {
  const { status, stdout } = spawnSync(path, ['-p', 'process.versions.node'], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${path} is not a Node that runs here`)
  return stdout.trim()
}
