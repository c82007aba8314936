import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { root } from './root.mjs'

/** Builds one of the Rust programs of this directory and gives its path. */
export function buildExample(name) {
  const target = join(root, 'target')
  const build = ['build', '--release', '--quiet', '--example', name, '--target-dir', target]
  const { status, error } = spawnSync('cargo', build, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
  if (status !== 0) throw new Error(`cargo did not build benchmark/${name}.rs`, { cause: error })
  return join(target, 'release', 'examples', name)
}
