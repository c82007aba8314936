// Packages of Debian's and of PyPI's in folders of their own, without changing what is installed on this machine.

import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './run.mjs'

const LIMIT = { timeout: 300_000 }

/**
 * A folder with packages of Debian's unpacked into it, fetched once. `choose` gives their names, as apt takes them, and
 * may ask which packages one of them needs.
 */
export function debianPackages({ folder, suites, architecture = 'amd64', choose }) {
  return whole(folder, (target) => {
    const work = `${target}.apt`
    const apt = aptApart(work, suites, architecture)
    const names = choose((name) => {
      const needed = run('apt-cache', [...apt, 'depends', name], LIMIT)
      return [...needed.matchAll(/^\s*Depends: (\S+)$/gm)].map(([, found]) => found)
    })
    const download = join(work, 'download')
    run('apt-get', [...apt, 'download', ...names], { cwd: download, ...LIMIT })
    for (const name of readdirSync(download)) run('dpkg', ['-x', join(download, name), target], LIMIT)
    rmSync(work, { recursive: true })
  })
}

/** A folder with packages of PyPI's in it, fetched once. */
export function pythonPackages(folder, names, options = []) {
  return whole(folder, (target) => {
    const args = ['-m', 'pip', 'install', '--quiet', '--no-deps', '--only-binary', ':all:']
    run('python3', [...args, ...options, '--target', target, ...names], { timeout: 900_000 })
  })
}

/** Makes a folder as a whole or not at all. */
export function whole(folder, make) {
  if (existsSync(folder)) return folder
  const unfinished = `${folder}.new`
  rmSync(unfinished, { recursive: true, force: true })
  mkdirSync(unfinished, { recursive: true })
  make(unfinished)
  renameSync(unfinished, folder)
  return folder
}

/** Options by which apt uses a source list, a state and a cache of its own, from the mirror that this machine uses. */
function aptApart(folder, suites, architecture) {
  rmSync(folder, { recursive: true, force: true })
  for (const part of ['lists/partial', 'cache/archives/partial', 'download']) {
    mkdirSync(join(folder, part), { recursive: true })
  }
  const sources = join(folder, 'sources.list')
  writeFileSync(sources, suites.map((suite) => `deb ${mirror()} ${suite} main\n`).join(''))
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
    'APT::Architecture': architecture,
    'APT::Architectures': architecture,
  }
  const options = Object.entries(apart).flatMap(([name, value]) => ['-o', `${name}=${value}`])
  run('apt-get', [...options, 'update'], LIMIT)
  return options
}

/** Where this machine gets Debian's packages from. */
function mirror() {
  const targets = run('apt-get', ['indextargets', '--format', '$(SITE) $(LABEL)', 'Created-By: Packages'])
  const site = /^(\S+) Debian$/m.exec(targets)
  if (!site) throw new Error("no mirror of Debian's is configured, or `apt-get update` never ran")
  return site[1]
}
