// Kernels of Debian's, without changing the packages of this machine: apt works on a source list, a state and a cache of
// its own, from the mirror that this machine uses anyway.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Kernel versions, and the release of Debian that has each. */
export const SUITES = { '5.10': 'bullseye', 6.1: 'bookworm', 6.12: 'trixie' }
const META_PACKAGE = 'linux-image-cloud-amd64'

/** The path of a kernel that boots, fetched once. */
export function kernelImage(version, cache) {
  const folder = join(cache, `linux-${version}`)
  const unpacked = join(folder, 'unpacked')
  if (!existsSync(unpacked)) {
    rmSync(folder, { recursive: true, force: true })
    for (const part of ['lists/partial', 'cache/archives/partial', 'download']) {
      mkdirSync(join(folder, part), { recursive: true })
    }
    unpackKernel(folder, SUITES[version], `${unpacked}.new`)
    run('mv', [`${unpacked}.new`, unpacked]) // whole or not at all
  }
  const boot = join(unpacked, 'boot')
  return join(
    boot,
    readdirSync(boot).find((name) => name.startsWith('vmlinuz-')),
  )
}

function unpackKernel(folder, suite, target) {
  const sources = join(folder, 'sources.list')
  writeFileSync(sources, `deb ${mirror()} ${suite} main\n`)
  writeFileSync(join(folder, 'status'), '')
  const apart = {
    'Dir::State': folder,
    'Dir::State::status': join(folder, 'status'),
    'Dir::State::lists': join(folder, 'lists'),
    'Dir::Cache': join(folder, 'cache'),
    'Dir::Etc::sourcelist': sources,
    'Dir::Etc::sourceparts': '/dev/null',
    'Acquire::Languages': 'none',
    'APT::Sandbox::User': 'root', // the folder need not be readable for apt's own user
    'APT::Architecture': 'amd64',
  }
  const options = Object.entries(apart).flatMap(([name, value]) => ['-o', `${name}=${value}`])
  run('apt-get', [...options, 'update'])
  const image = /^\s*Depends: (linux-image-\S+)$/m.exec(
    run('apt-cache', [...options, 'depends', META_PACKAGE]),
  )
  if (!image) throw new Error(`${META_PACKAGE} of ${suite} names no kernel`)
  const download = join(folder, 'download')
  run('apt-get', [...options, 'download', image[1]], { cwd: download })
  run('dpkg', ['-x', join(download, readdirSync(download)[0]), target])
}

/** Where this machine gets Debian's packages from. */
function mirror() {
  const targets = run('apt-get', ['indextargets', '--format', '$(SITE) $(LABEL)', 'Created-By: Packages'])
  const site = /^(\S+) Debian$/m.exec(targets)
  if (!site) throw new Error("no mirror of Debian's is configured, or `apt-get update` never ran")
  return site[1]
}

function run(command, args, options = {}) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8',
    timeout: 300_000,
    ...options,
  })
  if (status !== 0) throw new Error(`${command} ${args.at(-1)} failed: ${error?.message ?? stderr}`)
  return stdout
}
