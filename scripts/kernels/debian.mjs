// Kernels of Debian's.

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { debianPackages } from '../lib/fetched.mjs'

/** Kernels by what they run on and their version: the release of Debian that has each, and the package that names it. */
export const KERNELS = {
  x64: {
    '5.10': ['bullseye', 'linux-image-cloud-amd64'],
    6.1: ['bookworm', 'linux-image-cloud-amd64'],
    6.12: ['trixie', 'linux-image-cloud-amd64'],
  },
  // With pages of 4 KiB, and one with 16 KiB; Debian has none with 64 KiB.
  arm64: {
    '5.10': ['bullseye', 'linux-image-cloud-arm64'],
    6.1: ['bookworm', 'linux-image-cloud-arm64'],
    6.12: ['trixie', 'linux-image-cloud-arm64'],
    '6.12-16k': ['trixie', 'linux-image-arm64-16k'],
  },
}
/** What Debian calls the processors. */
const ARCHITECTURES = { x64: 'amd64', arm64: 'arm64' }

/** The path of a kernel that boots, fetched once. */
export function kernelImage(arch, version, cache) {
  const [suite, metaPackage] = KERNELS[arch][version]
  const folder = debianPackages({
    folder: join(cache, `kernel-${version}`),
    suites: [suite],
    architecture: ARCHITECTURES[arch],
    choose: (needs) => needs(metaPackage).filter((name) => name.startsWith('linux-image-')),
  })
  const boot = join(folder, 'boot')
  return join(
    boot,
    readdirSync(boot).find((name) => name.startsWith('vmlinuz-')),
  )
}
