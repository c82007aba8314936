// The package managers, what each is told to install a package, and how a program is run afterwards.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { versionIn } from '../tools.mjs'

/** What they are on npm, by the name that each is installed under. */
export const MANAGER_PACKAGES = {
  npm10: 'npm:npm@10',
  npm11: 'npm:npm@11',
  pnpm10: 'npm:pnpm@10',
  pnpm12: 'npm:pnpm@12',
  yarn1: 'npm:yarn@1',
  yarn4: 'npm:@yarnpkg/cli-dist@4',
}

/** The npm that the cases are tried with. */
export function npm(modules) {
  return ['node', join(modules, 'npm11', 'bin', 'npm-cli.js')]
}

/**
 * `install` adds packages, and `run` stands before a script. `tsc` is for where the compiler has to be a package of the
 * project to find others.
 */
export function packageManagers(modules) {
  const program = (name, file) => ['node', join(modules, name, file)]
  const title = (name) => `${name.replace(/\d+$/, '')} ${versionIn(modules, name)}`
  const yarn4 = program('yarn4', 'bin/yarn.js')
  const plain = [
    ['npm10', [...program('npm10', 'bin/npm-cli.js'), 'install']],
    ['npm11', [...npm(modules), 'install']],
    ['npm11', [...npm(modules), 'install', '--ignore-scripts'], ', `--ignore-scripts`'],
    ['pnpm10', [...program('pnpm10', 'bin/pnpm.cjs'), 'add']],
    ['pnpm12', [join(modules, 'pnpm12', 'pnpm'), 'add']],
    ['yarn1', [...program('yarn1', 'bin/yarn.js'), 'add']],
  ]
  return [
    ...plain.map(([name, install, option = '']) => ({
      title: title(name) + option,
      install,
      run: ['node'],
      tsc: null,
      prepare() {},
    })),
    {
      title: `${title('yarn4')}, PnP`,
      install: [...yarn4, 'add'],
      run: [...yarn4, 'node'],
      tsc: [...yarn4, 'tsc'],
      prepare: (project) => writeFileSync(join(project, 'yarn.lock'), ''), // says that this is a project of its own
    },
  ]
}
