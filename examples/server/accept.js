'use strict'

// What a client wants to read, from its Accept header (RFC 9110, 12.5.1).

/**
 * Whether HTML is the better answer. Browsers name it. Who takes anything, as curl does, gets JSON; so does who
 * wants neither, for that is more use than a refusal.
 */
function prefersHtml(accept = '*/*') {
  const ranges = accept.split(',').flatMap(mediaRange)
  const html = weightOf(['text/html', 'text/*', '*/*'], ranges)
  const json = weightOf(['application/json', 'application/*', '*/*'], ranges)
  return html > json || (html > 0 && html === json && ranges.some(({ type }) => type === 'text/html'))
}

/** How welcome a type is, 0 to 1: the most specific range that covers it decides, even when it says 0. */
function weightOf(namesBySpecificity, ranges) {
  for (const name of namesBySpecificity) {
    const weights = ranges.filter(({ type }) => type === name).map(({ weight }) => weight)
    if (weights.length > 0) return Math.max(...weights)
  }
  return 0
}

/** "text/html;q=0.8" in a list of one. Of none where the weight makes no sense. */
function mediaRange(text) {
  const [type, ...parameters] = text
    .toLowerCase()
    .split(';')
    .map((piece) => piece.trim())
  const q = parameters.find((parameter) => /^q\s*=/.test(parameter))
  const weight = q === undefined ? 1 : Number(q.slice(q.indexOf('=') + 1).trim() || Number.NaN)
  return weight >= 0 && weight <= 1 ? [{ type, weight }] : []
}

module.exports = { prefersHtml }
