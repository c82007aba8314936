// The table of external buffers: a row for each label. Labels are what anybody may have sent, and become text alone.

import { ageText, setText } from './figures.mjs'
import { drawShares, drawTexts, Rows } from './rows.mjs'

const rows = new Rows('buffers', 'labelled')

export function drawBuffers(status, rss) {
  const byLabel = new Map(Object.entries(status.buffers.labels).sort(largestFirst))
  const drawn = rows.arrange(byLabel, () => {})
  for (const [index, [label, buffers]] of [...byLabel].entries()) {
    drawLabel(drawn[index], { ...readable(buffers), label }, rss.bytes)
  }
  for (const row of document.querySelectorAll('.buffers tr[data-row]')) drawShares(row, status, rss.bytes)
}

/** Those of the same size by name, so that they do not change places for nothing. */
function largestFirst([label, { bytes }], [otherLabel, other]) {
  return other.bytes - bytes || (label < otherLabel ? -1 : 1)
}

function readable({ bytes, readable, resident, count, oldestMs }) {
  return { committed: { bytes, readable }, resident, count, oldest: ageText(oldestMs) }
}

function drawLabel(row, buffers, rss) {
  setText(row.querySelector('[data-title]'), buffers.label)
  drawTexts(row, buffers)
  drawShares(row, buffers, rss)
}
