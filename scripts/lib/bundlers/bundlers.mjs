// The bundlers, and for each the ways to tell it about addons.
//
// `lines` are what has to be written for a way; the documents show them, so what they show is what was run. `files` are
// written beside main.mjs, then `commands` are run there, and `start` runs what is in out/. `entries` says which kinds
// of entry a way is for, and what is expected of the package there.

import { BINARY } from './subjects.mjs'

const OUT = 'out/main.js'
/** Beside the program, under its own name: where the package looks by itself. */
const COPY = `cp node_modules/rs-memusage/${BINARY} out/`
/** What comes of the package: it works, it says what to do, or the bundler refuses to go on. */
const AS_IS = { main: 'refused', static: 'no build' }
const FOLLOWED = { main: 'refused', static: 'works' }
const EXTERNAL = { main: 'works' }

const ESM_BANNER =
  "--banner:js=import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url)"
const NODE_LOADER = "module: { rules: [{ test: /\\.node$/, loader: 'node-loader' }] }"
const MODULE_TYPES = "moduleTypes: { '.node': 'copy' }"
const ROLLUP_PLUGIN = `const addons = {
  name: 'addons',
  load(id) {
    if (!id.endsWith('.node')) return null
    const file = this.emitFile({ type: 'asset', name: basename(id), source: readFileSync(id) })
    return \`import { createRequire } from 'node:module'
      import { fileURLToPath } from 'node:url'
      export default createRequire(import.meta.url)(fileURLToPath(import.meta.ROLLUP_FILE_URL_\${file}))\`
  },
}`
const ROLLUP_PLUGINS = 'plugins: [addons, nodeResolve(), commonjs(), json()]'
const SEA_PROGRAM = `import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getRawAsset } from 'node:sea'

const addon = join(mkdtempSync(join(tmpdir(), 'addon-')), 'rs-memusage.node')
writeFileSync(addon, new Uint8Array(getRawAsset('rs-memusage.node')))
process.env.RS_MEMUSAGE_NATIVE_PATH = addon
const { memoryUsage, rssBreakdown } = require('rs-memusage')`
const SEA_ASSETS = `"assets": { "rs-memusage.node": "node_modules/rs-memusage/${BINARY}" }`

/**
 * All ways. `isDeployed`: the output is run beside a node_modules with the package, for it was left outside. `package` is
 * the only one that a way is for, and `program` what the program begins with instead of its import.
 */
export const WAYS = [
  esbuild('', [], AS_IS),
  esbuild('', ['--loader:.node=copy'], FOLLOWED),
  esbuild('', ['--loader:.node=file'], FOLLOWED),
  esbuild(', ESM', ['--format=esm', '--loader:.node=copy', ESM_BANNER], FOLLOWED),
  { ...esbuild('', ['--external:PACKAGE'], EXTERNAL), isDeployed: true },
  copied(esbuild('', [], EXTERNAL)),

  webpack(null, AS_IS),
  webpack("module: { rules: [{ test: /\\.node$/, type: 'asset/resource' }] }", FOLLOWED),
  webpack(NODE_LOADER, FOLLOWED),
  { ...webpack("externals: { 'PACKAGE': 'commonjs PACKAGE' }", EXTERNAL), isDeployed: true },
  copied(webpack(null, EXTERNAL)),

  rollup(', CommonJS', 'cjs', [], AS_IS),
  rollup(', ESM', 'es', [ROLLUP_PLUGIN, ROLLUP_PLUGINS], FOLLOWED),
  { ...rollup(', ESM', 'es', ["external: ['PACKAGE']"], EXTERNAL), isDeployed: true },
  copied(rollup(', CommonJS', 'cjs', [], EXTERNAL)),

  rolldown([], AS_IS),
  rolldown([MODULE_TYPES], FOLLOWED),
  rolldown(["moduleTypes: { '.node': 'asset' }"], FOLLOWED),
  { ...rolldown(["external: ['PACKAGE']"], EXTERNAL), isDeployed: true },
  copied(rolldown([], EXTERNAL)),

  { ...vite([], { main: 'works', static: 'works' }), isDeployed: true },
  vite(['ssr: { noExternal: true }'], AS_IS),
  vite(
    ['ssr: { noExternal: true }', `build: { ssrEmitAssets: true, rolldownOptions: { ${MODULE_TYPES} } }`],
    FOLLOWED,
  ),
  copied(vite(['ssr: { noExternal: true }'], EXTERNAL)),

  ncc([], FOLLOWED),
  { ...ncc(['--external PACKAGE'], EXTERNAL), isDeployed: true },
  copied(ncc([], EXTERNAL)),

  sea([], '', { main: 'refused', static: 'refused' }),
  { ...sea([SEA_PROGRAM, SEA_ASSETS], SEA_ASSETS, EXTERNAL), program: SEA_PROGRAM, package: 'rs-memusage' },
  copied(sea([], '', EXTERNAL)),
]

function esbuild(name, lines, entries) {
  const commands = [['esbuild', 'main.mjs', '--bundle', '--platform=node', ...lines, `--outfile=${OUT}`]]
  return { title: `esbuild${name}`, lines, entries, commands, start: ['node', 'main.js'] }
}

function webpack(line, entries) {
  const config = `module.exports = {
  mode: 'production',
  target: 'node',
  entry: './main.mjs',
  output: { path: __dirname + '/out', filename: 'main.js' },
  ${line ?? ''}
}
`
  return {
    title: 'webpack',
    lines: line ? [line] : [],
    entries,
    files: { 'webpack.config.cjs': config },
    commands: [['webpack', '--config', 'webpack.config.cjs']],
    start: ['node', 'main.js'],
  }
}

function rollup(name, format, lines, entries) {
  const plugin = lines.find((line) => line.startsWith('const ')) ?? ''
  const options = lines.filter((line) => line !== plugin)
  const file = `main.${format === 'cjs' ? 'cjs' : 'mjs'}`
  const config = `import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import commonjs from '@rollup/plugin-commonjs'
import json from '@rollup/plugin-json'
import { nodeResolve } from '@rollup/plugin-node-resolve'

${plugin}

export default {
  input: 'main.mjs',
  output: { file: 'out/${file}', format: '${format}' },
  ${options.some((line) => line.startsWith('plugins')) ? '' : 'plugins: [nodeResolve(), commonjs(), json()],'}
  ${options.join(',\n  ')}
}
`
  return {
    title: `rollup${name}`,
    lines,
    entries,
    files: { 'rollup.config.mjs': config },
    commands: [['rollup', '--silent', '--config', 'rollup.config.mjs']],
    start: ['node', file],
  }
}

function rolldown(lines, entries) {
  const config = `export default {
  input: 'main.mjs',
  platform: 'node',
  output: { file: 'out/main.mjs' },
  ${lines.join(',\n  ')}
}
`
  return {
    title: 'rolldown',
    lines,
    entries,
    files: { 'rolldown.config.mjs': config },
    commands: [['rolldown', '--config', 'rolldown.config.mjs']],
    start: ['node', 'main.mjs'],
  }
}

function vite(lines, entries) {
  const build = "build: { ssr: 'main.mjs', outDir: 'out'"
  const own = lines.find((line) => line.startsWith('build: { '))
  const options = lines.filter((line) => line !== own)
  const config = `export default {
  ${own ? own.replace('build: {', `${build},`) : `${build} }`},
  ${options.join(',\n  ')}
}
`
  return {
    title: 'vite build --ssr',
    lines,
    entries,
    files: { 'vite.config.mjs': config },
    commands: [['vite', 'build', '--logLevel', 'warn']],
    start: ['node', 'main.mjs'],
  }
}

function ncc(lines, entries) {
  const options = lines.flatMap((line) => line.split(' '))
  return {
    title: '@vercel/ncc',
    lines,
    entries,
    commands: [['ncc', 'build', 'main.mjs', '--out', 'out', '--quiet', ...options]],
    start: ['node', 'index.mjs'],
  }
}

/** A single executable application. Its program has to be one file, which esbuild makes. */
function sea(lines, assets, entries) {
  const fuse = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2'
  const config = `{
  "main": "${OUT}",
  "output": "sea.blob",
  "disableExperimentalSEAWarning": true${assets && `,\n  ${assets}`}
}
`
  return {
    title: 'single executable application',
    lines,
    entries,
    files: { 'sea-config.json': config },
    commands: [
      ['esbuild', 'main.mjs', '--bundle', '--platform=node', '--loader:.node=copy', `--outfile=${OUT}`],
      ['node', '--experimental-sea-config', 'sea-config.json'],
      ['cp', 'NODE', 'out/program'],
      ['postject', 'out/program', 'NODE_SEA_BLOB', 'sea.blob', '--sentinel-fuse', fuse],
    ],
    start: ['./program'],
  }
}

/** A way with the addon copied beside what it puts out. */
function copied(way) {
  return {
    ...way,
    lines: [...way.lines, COPY],
    commands: [...way.commands, COPY.split(' ')],
    package: 'rs-memusage',
  }
}
