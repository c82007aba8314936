// The package that scripts/soak-turnover.mjs puts to the test: this one, or with `--package` another version of it.

import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { workerData } from 'node:worker_threads'

const require = createRequire(import.meta.url)
const own = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..')

/** What `--package` says in the main thread; workers are told. */
function folderOfPackage() {
  if (workerData?.package) return workerData.package
  const at = process.argv.indexOf('--package')
  return at < 0 ? own : resolve(process.argv[at + 1] ?? own)
}

export const packageFolder = folderOfPackage()
export const rsMemusage = require(packageFolder)
