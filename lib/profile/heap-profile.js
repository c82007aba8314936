'use strict'

// The `.heapprofile` of Chrome DevTools: `HeapProfiler.SamplingHeapProfile` of its protocol.

const { urlOf } = require('./frame-text')

/** The tree of calls; lines and columns count from 0 there. */
function toHeapProfile(root) {
  const samples = []
  let lastId = 0

  function convert(node) {
    const { frame, bytes, children } = node
    const id = ++lastId
    const selfSize = Math.round(bytes)
    if (selfSize > 0) samples.push({ size: selfSize, nodeId: id, ordinal: samples.length + 1 })
    return { callFrame: callFrame(frame), selfSize, id, children: children.map(convert) }
  }

  return { head: convert(root), samples }
}

function callFrame(frame) {
  return {
    functionName: frame.functionName, // DevTools has its own word for anonymous ones
    scriptId: '0',
    url: urlOf(frame),
    lineNumber: (frame.line ?? 0) - 1,
    columnNumber: (frame.column ?? 0) - 1,
  }
}

module.exports = { toHeapProfile }
