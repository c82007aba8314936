'use strict'

const native = require('../native')
const { memoryUsage } = require('./memory-usage')

function trim() {
  const allocator = native.allocatorName()
  const before = memoryUsage.rss()
  if (!native.trim()) return { before: null, after: null, released: null, allocator }
  const after = memoryUsage.rss()
  return { before, after, released: Math.max(before - after, 0), allocator }
}

module.exports = { trim }
