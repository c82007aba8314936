// Programs from npm that only the scripts of packaging need: they stay in target/<name> and are no devDependencies.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './steps.mjs'

/** Installs these once, and again when the list has changed. Gives the node_modules that holds them. */
export function installTools(name, dependencies, overrides = {}) {
  const folder = join(root, 'target', name)
  const manifest = join(folder, 'package.json')
  const modules = join(folder, 'node_modules')
  const wanted = `${JSON.stringify({ private: true, dependencies, overrides }, null, 2)}\n`
  const isThere = existsSync(join(modules, '.package-lock.json'))
  if (isThere && existsSync(manifest) && readFileSync(manifest, 'utf8') === wanted) return modules
  mkdirSync(folder, { recursive: true })
  writeFileSync(manifest, wanted)
  const args = ['install', '--no-save', '--no-audit', '--no-fund', '--no-package-lock']
  const { status } = spawnSync('npm', args, { cwd: folder, stdio: 'inherit' })
  if (status !== 0) throw new Error(`npm could not install ${Object.keys(dependencies).join(', ')}`)
  return modules
}

/** The version of one of them. */
export function versionIn(modules, name) {
  return JSON.parse(readFileSync(join(modules, name, 'package.json'), 'utf8')).version
}
