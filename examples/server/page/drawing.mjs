// Puts figures into the page. The page is complete without it: only texts and widths change, so nothing flickers,
// and no text ever becomes markup. Rows of threads and of labels alone come and go.

import { drawBuffers } from './buffers.mjs'
import { at, percent, setShare, setText, textOf } from './figures.mjs'
import { drawThreads } from './threads.mjs'

const leak = document.querySelector('button[data-action="leak"]')

/** Draws all of /status and gives the headline. */
export function draw(status) {
  const rss = status.breakdown?.rss ?? status.memory.rss // the same moment as the parts, where they are known
  const figures = { ...status, rss, peakRss: peakOf(rss, status.memory.peakRss) }
  for (const element of document.querySelectorAll('[data-figure]')) {
    const { figure, unit } = element.dataset
    setText(element, textOf(at(figures, figure), unit))
  }
  for (const element of document.querySelectorAll('.segment, tr[data-part]')) {
    drawShare(element, status.breakdown?.parts[element.dataset.part]?.bytes / rss.bytes)
  }
  drawThreads(status)
  drawBuffers(status, rss)
  drawLeak(status.holding.leak)
  document.title = `${rss.readable} · Memory of this server`
  return rss
}

/** One button starts the leak and ends it. */
function drawLeak({ count }) {
  leak.dataset.method = count > 0 ? 'DELETE' : 'POST'
  setText(leak, count > 0 ? 'End the leak' : 'Start a leak')
}

/** The kernel's own peak lags behind by some pages. No peak is lower than what was just counted. */
function peakOf(rss, peak) {
  return peak.bytes !== null && peak.bytes < rss.bytes ? rss : peak
}

/** For a row and for its segment in the stacked bar. */
function drawShare(element, share) {
  setShare(element, share)
  for (const cell of element.querySelectorAll('[data-share]')) setText(cell, percent(share))
}
