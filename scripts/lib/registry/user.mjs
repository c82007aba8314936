// Somebody who installs the package: an empty home, and a PATH with node and sh and nothing else, so no compiler either.

import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export class User {
  #registry

  /** `registry` is the address that packages come from. */
  constructor(registry) {
    this.#registry = registry
    this.folder = mkdtempSync(join(tmpdir(), 'rs-memusage-user-'))
    chmodSync(this.folder, 0o755) // for other users of the system to run what was installed
    const home = join(this.folder, 'home')
    mkdirSync(home)
    const { host } = new URL(registry)
    writeFileSync(join(home, '.npmrc'), `registry=${registry}\n//${host}/:_authToken=anybody\n`)
  }

  /** A folder with an empty manifest and nothing else. */
  project(name) {
    const folder = join(this.folder, name)
    mkdirSync(folder)
    writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
    return folder
  }

  /** The environment of this user's processes, whose `node` is this binary. */
  environment(node) {
    return {
      HOME: join(this.folder, 'home'),
      PATH: this.#pathWith(node),
      npm_config_update_notifier: 'false',
      YARN_ENABLE_TELEMETRY: '0',
      YARN_NPM_REGISTRY_SERVER: this.#registry,
      YARN_UNSAFE_HTTP_WHITELIST: '127.0.0.1',
      YARN_NPM_MINIMAL_AGE_GATE: '0', // what was published a moment ago is refused otherwise
      YARN_PNP_ENABLE_ESM_LOADER: '1', // under PnP no package can be imported without
    }
  }

  leave() {
    rmSync(this.folder, { recursive: true })
  }

  #pathWith(node) {
    const bin = join(this.folder, `bin${node.replaceAll('/', '-')}`)
    if (!existsSync(bin)) {
      mkdirSync(bin)
      symlinkSync(node, join(bin, 'node'))
      symlinkSync('/bin/sh', join(bin, 'sh'))
    }
    return bin
  }
}
