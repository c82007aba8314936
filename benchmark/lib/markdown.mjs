/** A markdown table, laid out as the formatter wants it. The first column is text, all others are figures. */
export function table(head, rows) {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((cells) => cells[column].length)))
  const rule = widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`))
  return [head, rule, ...rows].map((cells) => line(cells, widths)).join('\n')
}

function line(cells, widths) {
  const padded = cells.map((cell, column) =>
    column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]),
  )
  return `| ${padded.join(' | ')} |`
}
