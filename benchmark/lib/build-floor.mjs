import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { root } from './root.mjs'

/** Builds statm_floor.rs and gives the path of the program. */
export function buildFloor() {
  const target = join(root, 'target')
  const build = ['build', '--release', '--quiet', '--example', 'statm_floor', '--target-dir', target]
  const { status, error } = spawnSync('cargo', build, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
  if (status !== 0) throw new Error('cargo did not build benchmark/statm_floor.rs', { cause: error })
  return join(target, 'release', 'examples', 'statm_floor')
}
