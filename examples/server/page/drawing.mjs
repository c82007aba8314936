// Puts figures into the page. The page is complete without it: only texts and widths change, so nothing flickers,
// and no text ever becomes markup.

/** Draws all of /status and gives the headline. */
export function draw(status) {
  const rss = status.breakdown?.rss ?? status.memory.rss // the same moment as the parts, where they are known
  const figures = { ...status, rss, peakRss: peakOf(rss, status.memory.peakRss) }
  for (const element of document.querySelectorAll('[data-figure]')) {
    const { figure, unit } = element.dataset
    setText(element, textOf(at(figures, figure), unit))
  }
  for (const element of document.querySelectorAll('[data-part]')) {
    drawShare(element, status.breakdown?.parts[element.dataset.part]?.bytes / rss.bytes)
  }
  document.title = `${rss.readable} · Memory of this server`
  return rss
}

/** The kernel's own peak lags behind by some pages. No peak is lower than what was just counted. */
function peakOf(rss, peak) {
  return peak.bytes !== null && peak.bytes < rss.bytes ? rss : peak
}

/** For a row and for its segment in the stacked bar. NaN where it is not known. */
function drawShare(element, share) {
  element.style.setProperty('--share', Number.isNaN(share) ? 0 : share)
  element.classList.toggle('absent', !(share > 0))
  for (const cell of element.querySelectorAll('[data-share]')) setText(cell, percent(share))
}

/** What a path such as "breakdown.swap" leads to. */
function at(status, path) {
  return path.split('.').reduce((value, key) => value?.[key], status)
}

/** What nobody could measure is unknown, never 0. */
function textOf(value, unit) {
  if (value === null || value === undefined) return 'unknown'
  if (typeof value === 'number') return [Math.round(value).toLocaleString('en'), unit].join(' ').trim()
  return value.readable ?? value
}

function percent(share) {
  if (Number.isNaN(share)) return 'unknown'
  if (share === 0) return '0 %'
  if (share < 0.0005) return '< 0.1 %'
  return `${(share * 100).toFixed(1)} %`
}

/** Leaves a text alone that is right already: selections last, and screen readers do not hear it twice. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text
}
