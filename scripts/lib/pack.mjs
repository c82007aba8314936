// The tarball that users get.

import { join, resolve } from 'node:path'
import { succeed } from './execute.mjs'
import { root } from './steps.mjs'

/** Packs what is here into a folder, or takes the tarball that is named. Gives its path. */
export function tarballIn(folder, named) {
  if (named) return resolve(named)
  const env = { ...process.env, npm_config_foreground_scripts: 'false' } // their output would be among the JSON
  const packed = succeed(['npm', 'pack', '--json', '--pack-destination', folder], { cwd: root, env })
  return join(folder, Object.values(JSON.parse(packed))[0].filename)
}
