// What builds the addon for another system: zig as its linker with the libraries of every libc, and Rust's standard
// library, compiled from its source where rustup has not installed it. All of it is kept in target/cross.

import { existsSync, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { debianPackages, pythonPackages } from '../lib/fetched.mjs'
import { run } from '../lib/run.mjs'
import { root, step } from '../lib/steps.mjs'

const cache = join(root, 'target', 'cross')
const LINKER = ['cargo-zigbuild==0.24.0', 'ziglang==0.17.1']
/** Releases of Debian that carry the source of several Rusts. */
const SUITES = ['trixie-backports', 'sid']

/** What Node's own binaries need at most. */
export const GLIBC = '2.28'

/** Builds `what` for a target as a release, and gives the path of the library. */
export function crossBuilt(target, ...what) {
  const linker = pythonPackages(join(cache, 'linker'), LINKER)
  const library = standardLibrary(target)
  const name = target.endsWith('-gnu') ? `${target}.${GLIBC}` : target
  const args = ['zigbuild', '--release', '--locked', '--target', name, ...what, ...library.args]
  const flags = target.endsWith('-musl') ? '-C target-feature=-crt-static' : '' // a library cannot have its own libc
  const { failed } = step(`build ${what.at(-1)} for ${target}`, 'cargo', args, {
    PATH: `${join(linker, 'bin')}${delimiter}${process.env.PATH}`,
    PYTHONPATH: linker, // where cargo-zigbuild looks for zig
    RUSTFLAGS: `${process.env.RUSTFLAGS ?? ''} ${flags}`.trim(),
    ...library.environment,
  })
  if (failed > 0) throw new Error(`cargo could not build for ${target}`)
  const release = join(root, 'target', target, 'release')
  const [kind, example] = what
  return kind === '--lib' ? join(release, 'librs_memusage.so') : join(release, 'examples', `lib${example}.so`)
}

function standardLibrary(target) {
  const installed = run('rustc', ['--print', 'target-libdir', '--target', target]).trim()
  if (existsSync(installed) && readdirSync(installed).some((name) => name.startsWith('libstd-'))) {
    return { args: [], environment: {} }
  }
  return {
    args: ['-Z', 'build-std=std,panic_unwind'],
    environment: {
      RUSTC_BOOTSTRAP: '1', // -Z of a stable cargo
      __CARGO_TESTS_ONLY_SRC_ROOT: sourceOfRust(target), // the only way to name a source outside of the toolchain
    },
  }
}

/** The standard library's source: of this very version of rustc, as no other would compile. */
function sourceOfRust(target) {
  const component = join(
    run('rustc', ['--print', 'sysroot']).trim(),
    'lib',
    'rustlib',
    'src',
    'rust',
    'library',
  )
  if (existsSync(join(component, 'Cargo.lock'))) return component
  const version = /^rustc (\d+\.\d+\.\d+) /.exec(run('rustc', ['--version']))?.[1]
  const folder = join(cache, `rust-${version}`)
  try {
    debianPackages({ folder, suites: SUITES, choose: () => [`rust-src=${version}+*`] })
  } catch (error) {
    throw new Error(
      `Rust's standard library for ${target} is missing, and Debian has no source of rustc ${version}: ` +
        `run "rustup target add ${target}" (${error.message.trim().split('\n').at(-1)})`,
    )
  }
  return join(folder, 'usr', 'src', `rustc-${version}`, 'library')
}
