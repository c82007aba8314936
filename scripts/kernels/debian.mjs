// Kernels of Debian's.

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { debianPackages } from '../lib/fetched.mjs'

/** Kernel versions, and the release of Debian that has each. */
export const SUITES = { '5.10': 'bullseye', 6.1: 'bookworm', 6.12: 'trixie' }
const META_PACKAGE = 'linux-image-cloud-amd64'

/** The path of a kernel that boots, fetched once. */
export function kernelImage(version, cache) {
  const folder = debianPackages({
    folder: join(cache, `kernel-${version}`),
    suites: [SUITES[version]],
    choose: (needs) => needs(META_PACKAGE).filter((name) => name.startsWith('linux-image-')),
  })
  const boot = join(folder, 'boot')
  return join(
    boot,
    readdirSync(boot).find((name) => name.startsWith('vmlinuz-')),
  )
}
