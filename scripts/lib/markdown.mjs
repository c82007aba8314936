// Tables for the documents that a script writes.

import { readFileSync, writeFileSync } from 'node:fs'

/** Rows of cells, the first of them the header, in columns of equal width. */
export function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(3, ...rows.map((row) => row[column].length)))
  const line = (cells) => `| ${cells.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`
  const [header, ...body] = rows
  return [line(header), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('\n')
}

/** Puts a text between the two markers of this name in a file. */
export function writeBetweenMarkers(file, name, text) {
  const document = readFileSync(file, 'utf8')
  const [begin, end] = [`<!-- ${name}: written by a script -->`, `<!-- /${name} -->`]
  const [from, to] = [document.indexOf(begin), document.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`${file} has no place between "${begin}" and "${end}"`)
  writeFileSync(file, `${document.slice(0, from + begin.length)}\n\n${text}\n\n${document.slice(to)}`)
}
