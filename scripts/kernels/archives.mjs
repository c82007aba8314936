// What runs inside: archives that the kernel unpacks into its first file system. One holds Node and what it needs and is
// kept; the other holds the package as it is now.

import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { arm64Busybox, arm64Libraries, arm64Node } from '../lib/arm64.mjs'
import { nodeBinary } from '../lib/node-binary.mjs'
import { root } from '../lib/steps.mjs'

/** Where the package is inside. */
const PACKAGE = 'package'
/** Of its folder, what is not of the package. */
const NOT_PARTS = ['.git', '.node-versions', 'node_modules', 'target', 'fuzz']
/** Where the tests look for the addon of their own. */
const TEST_ADDON = join('target', 'release', 'examples', 'libtest_addon.so')
/** Of the packages that the tests load, those with all they depend on. */
const DEPENDENCIES = ['sharp', '@img', 'detect-libc', 'semver', 'better-sqlite3']

/** Busybox, Node of these majors as /opt/<major>/node, the libraries of all of them, and the tests' dependencies. */
export function systemArchive(arch, majors, cache) {
  return arch === 'x64' ? ownSystem(majors, cache) : arm64System(majors, cache)
}

/** Made of what this machine has. */
function ownSystem(majors, cache) {
  const archive = join(cache, `system-${majors.join('-')}.cpio.gz`)
  const nodes = majors.map((major) => [major, realpathSync(nodeBinary(major))])
  const modules = join(root, 'node_modules')
  const newest = Math.max(...[...nodes.map(([, path]) => path), modules].map(changed))
  if (existsSync(archive) && changed(archive) > newest) return archive

  const tree = emptyTree(cache, 'system')
  const programs = []
  for (const [major, binary] of nodes) programs.push(place(tree, binary, join('opt', major, 'node')))
  for (const name of DEPENDENCIES) {
    const target = join(tree, PACKAGE, 'node_modules', name)
    cpSync(join(modules, name), target, { recursive: true, dereference: true })
    programs.push(...nativeFilesIn(target))
  }
  placeBusybox(tree, findProgram('busybox'))
  for (const library of new Set(programs.flatMap(librariesOf))) place(tree, library, library)
  return pack(tree, archive)
}

/** Made of what was fetched. Without the tests' dependencies: the scenes need none. */
function arm64System(majors, cache) {
  const archive = join(cache, `system-${majors.join('-')}.cpio.gz`)
  if (existsSync(archive)) return archive

  const tree = emptyTree(cache, 'system')
  for (const major of majors) place(tree, arm64Node(major), join('opt', major, 'node'))
  placeBusybox(tree, arm64Busybox())
  const libraries = join(arm64Libraries(), 'usr', 'lib', 'aarch64-linux-gnu')
  const files = readdirSync(libraries, { withFileTypes: true }).filter((entry) => !entry.isDirectory())
  for (const { name } of files) place(tree, join(libraries, name), join('lib', 'aarch64-linux-gnu', name))
  const loader = 'ld-linux-aarch64.so.1' // programs name it in a folder above
  symlinkSync(join('aarch64-linux-gnu', loader), join(tree, 'lib', loader))
  return pack(tree, archive)
}

/** The program that the kernel starts makes the other names of it. */
function placeBusybox(tree, busybox) {
  place(tree, busybox, join('bin', 'busybox'))
  symlinkSync('busybox', join(tree, 'bin', 'sh'))
}

/** The package, the tests' own addon, and the program that the kernel starts, which runs `commands` with each Node. */
export function packageArchive(testAddon, commands, secondsEach, cache) {
  const tree = emptyTree(cache, 'package')
  const parts = readdirSync(root).filter((name) => !NOT_PARTS.includes(name))
  for (const part of parts) cpSync(join(root, part), join(tree, PACKAGE, part), { recursive: true })
  place(tree, testAddon, join(PACKAGE, TEST_ADDON))
  copyFileSync(join(root, 'scripts', 'kernels', 'init.sh'), join(tree, 'init'))
  chmodSync(join(tree, 'init'), 0o755)
  writeFileSync(join(tree, 'commands'), commands.map((command) => `${command}\n`).join(''))
  writeFileSync(join(tree, 'seconds'), `${secondsEach}\n`)
  return pack(tree, join(cache, 'package.cpio.gz'))
}

function emptyTree(cache, name) {
  const tree = join(cache, `tree-${name}`)
  rmSync(tree, { recursive: true, force: true })
  mkdirSync(tree, { recursive: true })
  return tree
}

function place(tree, source, target) {
  const path = join(tree, target)
  mkdirSync(dirname(path), { recursive: true })
  copyFileSync(realpathSync(source), path)
  return path
}

function nativeFilesIn(folder) {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
  const isNative = ({ name }) => name.endsWith('.node') || /\.so(\.|$)/.test(name)
  return files
    .filter((entry) => entry.isFile() && isNative(entry))
    .map(({ parentPath, name }) => join(parentPath, name))
}

/** Libraries of the system that a program needs, the loader among them. */
function librariesOf(program) {
  const { stdout } = spawnSync('ldd', [program], { encoding: 'utf8' })
  const paths = [...stdout.matchAll(/(?:=> |^\s*)(\/\S+) \(0x/gm)].map(([, path]) => path)
  return paths.filter((path) => !path.includes('node_modules'))
}

function pack(tree, archive) {
  const script = 'find . | cpio --quiet -o -H newc -R 0:0 | gzip -1 > "$1"'
  run('sh', ['-c', script, 'sh', archive], { cwd: tree })
  rmSync(tree, { recursive: true })
  return archive
}

function findProgram(name) {
  return run('sh', ['-c', 'command -v "$1"', 'sh', name]).trim()
}

function changed(path) {
  return statSync(path).mtimeMs
}

function run(command, args, options = {}) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', ...options })
  if (status !== 0) throw new Error(`${command} ${args.at(-1)} failed: ${error?.message ?? stderr}`)
  return stdout
}
