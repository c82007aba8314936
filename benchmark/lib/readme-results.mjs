import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './root.mjs'

const START = '<!-- results: written by npm run bench -- --write -->'
const END = '<!-- end of results -->'

/** Replaces what stands between the two marker comments of benchmark/README.md. */
export function replaceResults(report) {
  const path = join(root, 'benchmark', 'README.md')
  const text = readFileSync(path, 'utf8')
  const start = text.indexOf(START)
  const end = text.indexOf(END)
  if (start < 0 || end < start) throw new Error(`${path} has lost its markers ${START} and ${END}`)
  writeFileSync(path, `${text.slice(0, start + START.length)}\n\n${report}\n\n${text.slice(end)}`)
}
