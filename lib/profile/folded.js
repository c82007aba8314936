'use strict'

// Folded stacks, of which flamegraph.pl, inferno and speedscope draw flame graphs.

const { describe } = require('./frame-text')

/** A line per site: its frames from the outermost in, and its bytes. */
function toFolded(sites) {
  return sites
    .map((site) => `${site.stack.map(field).reverse().join(';')} ${Math.round(site.bytes)}\n`)
    .join('')
}

/** Semicolons part frames, and line ends part lines. */
function field(frame) {
  return describe(frame)
    .replaceAll(';', ',')
    .replaceAll(/[\r\n]+/g, ' ')
}

module.exports = { toFolded }
