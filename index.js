'use strict'

const { externalBuffers } = require('./lib/external-buffers')
const { footprint } = require('./lib/footprint')
const { memoryUsage } = require('./lib/memory-usage')
const { rssBreakdown, rssBreakdownAsync } = require('./lib/rss-breakdown')
const { trim } = require('./lib/trim')
const { workerRss, workerRssAsync } = require('./lib/worker-rss')

module.exports = {
  externalBuffers,
  footprint,
  memoryUsage,
  rssBreakdown,
  rssBreakdownAsync,
  trim,
  workerRss,
  workerRssAsync,
}
