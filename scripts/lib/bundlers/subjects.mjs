// The programs that are bundled: each prints `works` after its addon has done something.

import { cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const { arch } = process
const libc = process.report.getReport().header.glibcVersionRuntime ? 'gnu' : 'musl'

/** The file in the package that all of this is about. */
export const BINARY = `rs-memusage.linux-${arch}-${libc}.node`

const measure = (entry) => `import { memoryUsage, rssBreakdown } from '${entry}'
const { rss, parts } = rssBreakdown()
const sum = Object.values(parts).reduce((total, bytes) => total + bytes, 0)
console.log(sum === rss && memoryUsage().rss > 1e7 ? 'works' : 'is wrong')
`
const query = (entry) => `import Database from '${entry}'
console.log(new Database(':memory:').prepare('select 41 + 1 as answer').get().answer === 42 ? 'works' : 'is wrong')
`
const draw = (entry) => `import sharp from '${entry}'
const image = { width: 8, height: 8, channels: 3, background: 'red' }
sharp({ create: image }).png().toBuffer().then((png) => console.log(png.length > 0 ? 'works' : 'is wrong'))
`
const sqliteLibc = libc === 'gnu' ? 'linux' : 'linuxmusl'

/** What is imported, by whom, and the package that it is from. */
export const SUBJECTS = [
  { entry: 'rs-memusage', package: 'rs-memusage', program: measure },
  { entry: `rs-memusage/linux-${arch}-${libc}`, package: 'rs-memusage', program: measure },
  { entry: 'better-sqlite3', package: 'better-sqlite3', program: query },
  { entry: `better-sqlite3/${sqliteLibc}-${arch}`, package: 'better-sqlite3', program: query },
  { entry: 'sharp', package: 'sharp', program: draw },
]

/** Copies a package, with all that it needs, from one node_modules to another: what is linked could be found later. */
export function copyPackage(name, from, to) {
  const target = join(to, name)
  if (existsSync(target)) return
  mkdirSync(dirname(target), { recursive: true })
  cpSync(join(from, name), target, { recursive: true })
  const { dependencies = {}, optionalDependencies = {} } = JSON.parse(
    readFileSync(join(target, 'package.json'), 'utf8'),
  )
  for (const needed of Object.keys({ ...dependencies, ...optionalDependencies })) {
    if (existsSync(join(from, needed))) copyPackage(needed, from, to)
  }
}
