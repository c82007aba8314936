'use strict'

// A stopped profile as plain data, for another thread: the tree of its sites and the circumstances.

const { SiteTree } = require('./site-tree')

function toMessage({ root, circumstances }) {
  const ids = new Map()
  const idOf = (frame) => {
    if (!ids.has(frame)) ids.set(frame, ids.size)
    return ids.get(frame)
  }
  const sites = [...root.walk()]
    .filter(({ bytes }) => bytes > 0)
    .map(({ bytes, count, stack }) => ({ bytes, count, stack: stack.map(idOf) }))
  return { circumstances, sites, frames: [...ids.keys()] }
}

function fromMessage({ circumstances, sites, frames }) {
  const tree = new SiteTree()
  for (const { bytes, count, stack } of sites) {
    const site = tree.at(stack.map((id) => frames[id]))
    site.bytes += bytes
    site.count += count
  }
  return { root: tree.root, circumstances }
}

module.exports = { fromMessage, toMessage }
