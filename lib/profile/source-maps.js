'use strict'

// Frames as their authors wrote them, where the process runs with source maps.
//
// Not when a stack is taken: the first look at a map has Node parse all of it.

const { SiteTree } = require('./site-tree')

/** By frame, which stands for one place in the code, the frame of its source. */
const known = new WeakMap()

/** The frame of the source that a frame was made from; itself where there is none, or no source maps are in use. */
function sourceOf(frame) {
  if (!process.sourceMapsEnabled || frame.line === null || frame.script === '') return frame
  let source = known.get(frame)
  if (source === undefined) {
    source = lookUp(frame)
    known.set(frame, source)
  }
  return source
}

function lookUp(frame) {
  const { functionName, script, line, column } = frame
  try {
    // Lines and columns count from 0 there.
    const entry = require('node:module')
      .findSourceMap(script)
      ?.findEntry(line - 1, column - 1)
    if (!entry?.originalSource) return frame
    const { originalSource, originalLine, originalColumn } = entry
    return { functionName, script: originalSource, line: originalLine + 1, column: originalColumn + 1 }
  } catch {
    return frame // its map is none
  }
}

/** The tree of sites below `root` by the places in the sources; several that were made from one become one. */
function bySources(root) {
  if (!process.sourceMapsEnabled) return root
  const tree = new SiteTree()
  const unique = new Map()
  const frameAt = (frame) => {
    const source = sourceOf(frame)
    if (source === frame) return frame
    const key = JSON.stringify(source)
    if (!unique.has(key)) unique.set(key, source)
    return unique.get(key)
  }
  for (const { stack, bytes, count } of root.walk()) {
    const site = tree.at(stack.map(frameAt))
    site.bytes += bytes
    site.count += count
  }
  return tree.root
}

module.exports = { bySources, sourceOf }
