// Circumstances in which a package is installed or run. Each says what is to be expected of it.

import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { succeed } from '../execute.mjs'
import { npm } from './package-managers.mjs'
import { writePrograms } from './programs.mjs'

const isRoot = process.getuid() === 0
const NOBODY = { uid: 65534, gid: 65534 }
const MACOS = ['--os=darwin', '--cpu=arm64']

/** What a program may tell; `matches` are patterns for texts. */
const MEASURES = { title: 'measures', answer: { rss: true, sum: true, reason: null } }
const answersOfNode = (reason) => ({
  title: "Node's own answers",
  answer: { rss: true, breakdown: 'ERR_MEMUSAGE_UNSUPPORTED', reason },
})
const refusal = (message) => ({
  title: 'an error with the remedy',
  answer: { code: 'ERR_MEMUSAGE_NATIVE_LOAD', message },
})

/** The cases. `arrange` gives where and how to run, and may leave something to `undo`; `lacks` is why it cannot. */
export function cases({ user, modules, entries }) {
  const env = user.environment(process.execPath)
  const inProject = (cwd, ...args) => succeed([...npm(modules), ...args], { cwd, env })
  const installed = (name, ...options) => {
    const cwd = user.project(name)
    inProject(cwd, 'install', ...options, 'rs-memusage')
    for (const entry of entries) writePrograms(cwd, entry)
    return cwd
  }
  const binaryIn = (project) => {
    const folder = join(project, 'node_modules', 'rs-memusage')
    return join(folder, ownBinary(folder))
  }

  return [
    {
      title: 'package-lock.json made on macOS, then `npm ci`',
      expected: MEASURES,
      arrange() {
        const cwd = user.project('lock-of-macos')
        inProject(cwd, 'install', ...MACOS, '--package-lock-only', 'rs-memusage')
        const lock = JSON.parse(readFileSync(join(cwd, 'package-lock.json'), 'utf8'))
        const packages = Object.keys(lock.packages)
        if (packages.join() !== ',node_modules/rs-memusage') throw new Error(`the lock names ${packages}`)
        inProject(cwd, 'ci')
        for (const entry of entries) writePrograms(cwd, entry)
        return { cwd }
      },
    },
    {
      title: 'node_modules installed on macOS and copied',
      expected: MEASURES,
      arrange: () => ({ cwd: installed('modules-of-macos', ...MACOS) }),
    },
    {
      title: 'run by another user than the installer, who may write nothing there',
      lacks: isRoot ? null : 'only root can become another user',
      expected: MEASURES,
      arrange: () => ({ cwd: installed('of-another'), ...NOBODY }),
    },
    {
      title: 'a read-only file system',
      lacks: isRoot ? null : 'only root can mount',
      expected: MEASURES,
      arrange: () => mounted(installed('read-only'), 'ro'),
    },
    {
      title: 'a file system mounted `noexec`',
      lacks: isRoot ? null : 'only root can mount',
      expected: refusal(/rs-memusage\.linux-.*\.node: .*\n.*RS_MEMUSAGE_NATIVE_PATH/s),
      arrange: () => mounted(installed('noexec'), 'noexec'),
    },
    {
      title: '`noexec`, and `RS_MEMUSAGE_NATIVE_PATH` names a copy elsewhere',
      lacks: isRoot ? null : 'only root can mount',
      expected: MEASURES,
      arrange() {
        const project = installed('noexec-rescued')
        return {
          ...mounted(project, 'noexec'),
          env: { RS_MEMUSAGE_NATIVE_PATH: binaryIn(project) },
        }
      },
    },
    {
      title: 'the binary is missing',
      expected: refusal(/rs-memusage\.linux-.*\.node: .*\n.*RS_MEMUSAGE_OPTIONAL=1/s),
      arrange() {
        const cwd = installed('without-binary')
        rmSync(binaryIn(cwd))
        return { cwd }
      },
    },
    {
      title: 'the binary is missing, `RS_MEMUSAGE_OPTIONAL=1`',
      expected: answersOfNode(/no native addon/),
      arrange() {
        const cwd = installed('without-binary-optional')
        rmSync(binaryIn(cwd))
        return { cwd, env: { RS_MEMUSAGE_OPTIONAL: '1' } }
      },
    },
    {
      title: '`--permission` without `--allow-addons`',
      expected: answersOfNode(/--permission/),
      arrange: () => ({ cwd: installed('permission'), flags: permission }),
    },
    {
      title: '`--permission --allow-addons`',
      expected: MEASURES,
      arrange: () => ({
        cwd: installed('permission-addons'),
        flags: (major) => [...permission(major), '--allow-addons'],
      }),
    },
    {
      title: '`--no-addons`',
      expected: answersOfNode(/--no-addons/),
      arrange: () => ({ cwd: installed('no-addons'), flags: () => ['--no-addons'] }),
    },
  ]
}

/** The binary for this machine: of those of both C libraries, the one that this Node was built for. */
function ownBinary(folder) {
  const libc = process.report.getReport().header.glibcVersionRuntime ? 'gnu' : 'musl'
  const name = `rs-memusage.linux-${process.arch}-${libc}.node`
  if (!readdirSync(folder).includes(name)) throw new Error(`the package has no ${name}`)
  return name
}

/** A copy of a project on a file system of its own, in memory, that is mounted with an option. */
function mounted(project, option) {
  const cwd = `${project}-mounted`
  mkdirSync(cwd)
  asRoot('mount', '-t', 'tmpfs', 'rs-memusage', cwd)
  const undo = () => asRoot('umount', cwd)
  try {
    cpSync(project, cwd, { recursive: true })
    asRoot('mount', '-o', `remount,${option}`, cwd)
  } catch (error) {
    undo()
    throw error
  }
  return { cwd, undo }
}

function asRoot(command, ...args) {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`)
}

/** The flag lost its first half in Node 22.13. */
function permission(major) {
  return [major < 22 ? '--experimental-permission' : '--permission', '--allow-fs-read=*']
}
