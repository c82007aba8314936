// Node binaries of other majors, from the npm package `node`. They stay in .node-versions/<major>, unless the caller
// names another place.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './steps.mjs'

/** The path of a binary of this major: the running one where that fits, otherwise it is installed once. */
export function nodeBinary(major, place = join(root, '.node-versions')) {
  if (process.versions.node.split('.', 1)[0] === major) return process.execPath
  const folder = join(place, major)
  const binary = join(folder, 'node_modules', 'node', 'bin', 'node')
  if (!existsSync(binary)) {
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
    const args = ['install', `node@${major}`, '--no-audit', '--no-fund', '--no-package-lock']
    const { status } = spawnSync('npm', args, { cwd: folder, stdio: 'inherit' })
    if (status !== 0 || !existsSync(binary)) throw new Error(`npm could not install node@${major}`)
  }
  return binary
}
