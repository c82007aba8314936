import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './root.mjs'

/** Replaces what stands between the two marker comments of benchmark/README.md that name `subject`. */
export function replaceResults(subject, report) {
  const opening = `<!-- results of ${subject}: written by npm run bench -- --write -->`
  const closing = `<!-- end of results of ${subject} -->`
  const path = join(root, 'benchmark', 'README.md')
  const text = readFileSync(path, 'utf8')
  const start = text.indexOf(opening)
  const end = text.indexOf(closing)
  if (start < 0 || end < start) throw new Error(`${path} has lost its markers ${opening} and ${closing}`)
  writeFileSync(path, `${text.slice(0, start + opening.length)}\n\n${report}\n\n${text.slice(end)}`)
}
