'use strict'

const assert = require('node:assert/strict')
const {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
  readdirSync,
} = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { after, before, describe, it } = require('node:test')
const { inChild, root, runProcess } = require('./helpers/child')
const { copyPackage } = require('./helpers/copy-package')
const { isMusl, LIBC } = require('./helpers/libc')

const binaries = () => readdirSync(root).filter((file) => file.endsWith('.node'))
/** That of this machine: a release has those of others beside it. */
const ownBinary = `rs-memusage.linux-${process.arch}-${LIBC}.node`

/** Files of the tarball that are not Rust sources. */
const FILES = [
  'ARCHITECTURE.md',
  'CHANGELOG.md',
  'Cargo.lock',
  'Cargo.toml',
  'LICENSE',
  'README.md',
  'benchmark/README.md',
  'build.rs',
  'bundle.js',
  'docs/bundlers.md',
  'docs/installing.md',
  'docs/limits.md',
  'include/rs_memusage.h',
  'index.d.ts',
  'index.js',
  'lib/allocation-stacks.js',
  'lib/backing-stores.js',
  'lib/buffer-profile.js',
  'lib/engine.js',
  'lib/external-buffers.js',
  'lib/flavours.js',
  'lib/footprint.js',
  'lib/given-addon.js',
  'lib/held-buffers.js',
  'lib/index.js',
  'lib/limits.js',
  'lib/memory-usage.js',
  'lib/own-realm.js',
  'lib/profile/buffer-profile.js',
  'lib/profile/call-stack.js',
  'lib/profile/coverage.js',
  'lib/profile/folded.js',
  'lib/profile/frame-table.js',
  'lib/profile/frame-text.js',
  'lib/profile/global-object.js',
  'lib/profile/heap-profile.js',
  'lib/profile/interception.js',
  'lib/profile/memory-of.js',
  'lib/profile/message.js',
  'lib/profile/pace.js',
  'lib/profile/pprof.js',
  'lib/profile/protobuf.js',
  'lib/profile/replacements.js',
  'lib/profile/sampler.js',
  'lib/profile/site-tree.js',
  'lib/profile/source-maps.js',
  'lib/profile/threads-profile.js',
  'lib/rss-breakdown.js',
  'lib/started-workers.js',
  'lib/stopwatch.js',
  'lib/supported.js',
  'lib/this-thread.js',
  'lib/thread-identity.js',
  'lib/threads-profile.js',
  'lib/trim.js',
  'lib/unless-aborted.js',
  'lib/v8-layer.js',
  'lib/validate.js',
  'lib/without-native.js',
  'lib/worker-rss.js',
  'native.js',
  'package.json',
  'platforms/linux-arm64-gnu.js',
  'platforms/linux-arm64-musl.js',
  'platforms/linux-x64-gnu.js',
  'platforms/linux-x64-musl.js',
  'register.d.ts',
  'register.js',
  'scripts/build.mjs',
  'scripts/bundle.mjs',
]

describe('the package', () => {
  let folder
  let tarball

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'rs-memusage-install-'))
    const { code, stdout, stderr } = await npm(
      ['pack', '--json', '--ignore-scripts', '--pack-destination', folder],
      root,
    )
    assert.equal(code, 0, stderr)
    tarball = Object.values(JSON.parse(stdout))[0]
    writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
    const installed = await npm(
      ['install', '--no-audit', '--no-fund', join(folder, tarball.filename)],
      folder,
    )
    assert.equal(installed.code, 0, installed.stderr)
  })

  after(() => rmSync(folder, { recursive: true }))

  it('holds these files and no others', () => {
    const files = tarball.files.map(({ path }) => path)
    const rest = files.filter((file) => !/^src\/.*\.rs$/.test(file)).sort()
    assert.deepEqual(rest, [...FILES, ...binaries()].sort())
    assert.ok(files.includes('src/lib.rs'))
  })

  it('has every file that its README leads to', () => {
    const files = tarball.files.map(({ path }) => path)
    const links = [...readFileSync(join(root, 'README.md'), 'utf8').matchAll(/\]\(([^)#]+)[^)]*\)/g)]
    const leads = links.map(([, link]) => link).filter((link) => !link.startsWith('https://'))
    assert.ok(leads.length > 2)
    assert.deepEqual(
      leads.filter((link) => !files.includes(link)),
      [],
    )
  })

  it('works by require in an empty folder', async () => {
    const { stdout, stderr } = await inFolder(['-p', "require('rs-memusage').memoryUsage().rss > 1e7"])
    assert.equal(stdout.trim(), 'true', stderr)
  })

  it('works by import in an empty folder', async () => {
    writeFileSync(
      join(folder, 'import.mjs'),
      "import memusage, { memoryUsage } from 'rs-memusage'\nconsole.log(memoryUsage().rss > 1e7, memusage.memoryUsage === memoryUsage)\n",
    )
    const { stdout, stderr } = await inFolder(['import.mjs'])
    assert.equal(stdout.trim(), 'true true', stderr)
  })

  it('satisfies tsc --strict in a small consumer, without the types of Node or of browsers', async () => {
    writeFileSync(
      join(folder, 'consumer.ts'),
      "import { memoryUsage } from 'rs-memusage'\nexport const text: string = memoryUsage().rss.toFixed()\n",
    )
    const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
    const options = ['--strict', '--noEmit', '--module', 'nodenext', '--types', '']
    for (const lib of ['es2022,dom', 'es2022', 'esnext']) {
      const { code, stdout } = await inFolder([tsc, ...options, '--lib', lib, 'consumer.ts'])
      assert.equal(code, 0, `${lib}: ${stdout}`)
    }
  })

  it('works by the entry of this platform, which names its binary', async () => {
    const script = `
      const api = require('rs-memusage/linux-${process.arch}-${LIBC}')
      const main = require('rs-memusage')
      console.log(api.rssBreakdown().method.v8, Object.keys(main).every((name) => main[name] === api[name]))`
    const { stdout, stderr } = await inFolder(['-e', script])
    assert.equal(stdout.trim(), 'verified true', stderr)
  })

  it('names the path tried and the remedy when there is no binary, and goes on without where that is allowed', async () => {
    const installed = join(folder, 'node_modules', 'rs-memusage')
    for (const binary of binaries()) rmSync(join(installed, binary))
    const script = `
      try { console.log(JSON.stringify(require('rs-memusage').supported)) } catch ({ code, message, attempts }) {
        console.log(JSON.stringify({ code, message, attempts }))
      }`
    const { stdout, stderr } = await inFolder(['-e', script])
    assert.notEqual(stdout, '', stderr)
    const { code, message, attempts } = JSON.parse(stdout)
    assert.equal(code, 'ERR_MEMUSAGE_NATIVE_LOAD')
    const system = `${process.platform}-${process.arch}`
    assert.deepEqual(attempts, [join(installed, `rs-memusage.${system}-${LIBC}.node`)])
    for (const attempt of attempts) assert.ok(message.includes(attempt), message)
    assert.match(message, /incomplete or damaged: install rs-memusage again/)
    assert.ok(message.includes(system))
    const optional = await inFolder(['-e', script], { RS_MEMUSAGE_OPTIONAL: '1' })
    const { rssBreakdown, reason } = JSON.parse(optional.stdout)
    assert.equal(rssBreakdown, false)
    assert.match(reason, /found no native addon/)
  })

  it('asks for the binary of the C library that is mapped, and of both where that cannot be read', async () => {
    // What a process on musl has in its maps, or no maps at all, stands in for the file.
    const attemptsWith = async (answer) => {
      const script = `
        const fs = require('node:fs')
        const { readFileSync } = fs
        fs.readFileSync = (file, ...rest) => {
          if (file !== '/proc/self/maps') return readFileSync(file, ...rest)
          ${answer}
        }
        try { require('rs-memusage') } catch ({ attempts }) { console.log(JSON.stringify(attempts)) }`
      const attempts = JSON.parse((await inFolder(['-e', script])).stdout)
      return attempts.map((path) => path.replace(/.*rs-memusage\./, ''))
    }
    const [gnu, musl] = ['gnu', 'musl'].map((libc) => `linux-${process.arch}-${libc}.node`)
    const mapped = "'7f0 r-xp 0 fe:00 5 /lib/ld-musl-x86_64.so.1\\n'"
    assert.deepEqual(await attemptsWith(`return ${mapped}`), [musl])
    assert.deepEqual(await attemptsWith("return '7f0 r-xp 0 fe:00 5 /usr/lib/libc.so.6\\n'"), [gnu])
    assert.deepEqual(await attemptsWith("throw new Error('no /proc')"), [gnu, musl])
  })

  it('does without an addon on processors that it has none for', async () => {
    const script = `
      Object.defineProperty(process, 'arch', { value: 's390x' })
      const { supported, memoryUsage } = require('rs-memusage')
      console.log(supported.reason, memoryUsage().rss > 1e7)`
    const { stdout, stderr } = await inFolder(['-e', script])
    assert.equal(stdout.trim(), 'there is no binary for linux-s390x true', stderr)
  })

  it('says why when a binary is there and cannot be loaded', async () => {
    const broken = join(folder, 'broken.node')
    writeFileSync(broken, 'not an ELF file')
    const script = `
      try { require('rs-memusage') } catch ({ code, message, attempts, cause }) {
        console.log(JSON.stringify({ code, message, attempts, cause: cause.message }))
      }`
    const { stdout } = await inFolder(['-e', script], { RS_MEMUSAGE_NATIVE_PATH: broken })
    const { code, message, attempts, cause } = JSON.parse(stdout)
    assert.equal(code, 'ERR_MEMUSAGE_NATIVE_LOAD')
    assert.deepEqual(attempts, [broken])
    assert.ok(message.includes(broken))
    assert.match(cause, isMusl ? /Exec format error/ : /ELF|file too short/)
  })

  it('says what to do where a variable names the binary', async () => {
    const script = `
      try { require('rs-memusage') } catch ({ message, attempts }) {
        console.log(JSON.stringify({ message, attempts }))
      }`
    const load = async (args, env) => JSON.parse((await inFolder([...args, '-e', script], env)).stdout)
    const named = await load([], { RS_MEMUSAGE_NATIVE_PATH: './named.node' })
    assert.deepEqual(named.attempts, [join(realpathSync(folder), 'named.node')])
    assert.match(named.message, /RS_MEMUSAGE_NATIVE_PATH names this file/)
    assert.doesNotMatch(named.message, /again/)
  })

  it('says what to do where it was bundled, and in a checkout (review D.2)', async () => {
    const bundle = join(folder, 'bundle.js')
    copyFileSync(join(root, 'bundle.js'), bundle)
    const checkout = join(folder, 'checkout')
    copyPackage(checkout)
    for (const binary of binaries()) rmSync(join(checkout, binary))
    mkdirSync(join(checkout, 'include'))
    writeFileSync(join(checkout, 'include', 'rs_memusage.h'), '')
    const adviceOf = async (file, call = '') => {
      const script = `try { require(${JSON.stringify(file)})${call} } catch ({ message }) { console.log(message) }`
      return (await inFolder(['-e', script])).stdout
    }
    const [bundled, unbuilt] = [await adviceOf(bundle, '()'), await adviceOf(checkout)]
    assert.match(
      bundled,
      /was bundled into a file in .*external of the bundle.*linux-.*RS_MEMUSAGE_NATIVE_PATH/s,
    )
    assert.match(unbuilt, /This is a checkout: run "npm run build" in .*, which needs Rust/)
    for (const message of [bundled, unbuilt]) assert.doesNotMatch(message, /again/)
  })

  it('works from a bundle, whose require is not of Node, with RS_MEMUSAGE_NATIVE_PATH', async () => {
    const source = readFileSync(join(root, 'bundle.js'), 'utf8')
    const script = join(folder, 'program.js')
    writeFileSync(
      script,
      `const node = require
      const builtIn = (id) => { if (id.startsWith('node:')) return node(id); throw new Error('no module ' + id) }
      const program = ((module, require) => {\n${source}\nreturn module.exports()\n})({}, builtIn)
      console.log(program.rssBreakdown().method.v8)`,
    )
    const { stdout, stderr } = await inFolder([script], {
      RS_MEMUSAGE_NATIVE_PATH: join(root, ownBinary),
    })
    assert.equal(stdout.trim(), 'verified', stderr)
  })

  it('takes from a bundler the addon, its path beside the program, or a namespace around either', async () => {
    copyFileSync(join(root, 'bundle.js'), join(folder, 'bundle.js'))
    const binary = ownBinary
    copyFileSync(join(root, binary), join(folder, 'asset-1.node'))
    const addon = `require('./asset-1.node')`
    for (const given of [
      addon,
      `({ default: ${addon} })`,
      "'asset-1.node'",
      "({ default: './asset-1.node' })",
    ]) {
      const script = `
        const program = require('./bundle')({ id: 'the addon', load: () => ${given} })
        console.log(program.rssBreakdown().method.v8)`
      const { stdout, stderr } = await inFolder(['-e', script])
      assert.equal(stdout.trim(), 'verified', `${given}: ${stderr}`)
    }
  })

  it('looks beside the program, and says what to do, in a bundle of ES modules', async () => {
    const source = readFileSync(join(root, 'bundle.js'), 'utf8')
    const program = join(folder, 'esm', 'program.mjs')
    mkdirSync(join(folder, 'esm'))
    writeFileSync(
      program,
      `import { createRequire } from 'node:module'
      const require = createRequire(import.meta.url)
      const module = {}
      ${source.replace("'use strict'", '')}
      console.log(module.exports().rssBreakdown().method.v8)`,
    )
    const alone = await inFolder([program])
    assert.match(alone.stderr, /was bundled into a file in .*esm, and its addon was left behind/)
    copyFileSync(join(root, ownBinary), join(folder, 'esm', ownBinary))
    const { stdout, stderr } = await inFolder([program])
    assert.equal(stdout.trim(), 'verified', stderr)
  })

  function inFolder(args, env = {}) {
    return runProcess(process.execPath, args, { cwd: folder, env: { ...process.env, ...env } })
  }
})

describe('the public entry', () => {
  it('exports what the types declare', () => {
    const declared = [
      ...readFileSync(join(root, 'index.d.ts'), 'utf8').matchAll(/^export (?:const|function|class) (\w+)/gm),
    ]
    assert.deepEqual(Object.keys(require('..')).sort(), declared.map(([, name]) => name).sort())
  })

  it('is what lib/ says', async () => {
    const { bundle } = await import('../scripts/bundle.mjs')
    assert.equal(readFileSync(join(root, 'bundle.js'), 'utf8'), bundle())
  })

  it('needs no other file of ours, and no descriptor, once it is loaded', async () => {
    const answer = await inChild(
      async () => {
        const fs = require('node:fs')
        const ours = () => Object.keys(require.cache).map((file) => require('node:path').basename(file))
        const memusage = require('./index.js')
        const files = ours()
        const filler = []
        try {
          for (;;) filler.push(fs.openSync('/dev/null'))
        } catch {}
        const { externalBuffers } = memusage
        externalBuffers.profile.start({ sampleBytes: 1 })
        globalThis.kept = new Uint8Array(1e6)
        const profile = externalBuffers.profile.stop()
        const texts = [profile.toFolded(), JSON.stringify(profile.toHeapProfile()), profile.toPprof()]
        const answers = [memusage.rssBreakdown(), memusage.workerRss(), await memusage.workerRssAsync()]
        externalBuffers.track(kept)
        for (const descriptor of filler) fs.closeSync(descriptor)
        const works = texts.every(({ length }) => length > 0) && answers.every(({ rss }) => rss > 0)
        return { files, works, after: ours() }
      },
      { shell: 'ulimit -n 64' },
    )
    assert.deepEqual(answer, {
      files: ['index.js', 'bundle.js', ownBinary],
      works: true,
      after: answer.files,
    })
  })
})

function npm(args, cwd) {
  return runProcess('npm', args, { cwd, env: { ...process.env, npm_config_loglevel: 'error' } })
}
