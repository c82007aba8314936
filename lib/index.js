'use strict'

const { externalBuffers } = require('./external-buffers')
const { footprint } = require('./footprint')
const { limits } = require('./limits')
const { memoryUsage } = require('./memory-usage')
const { rssBreakdown, rssBreakdownAsync } = require('./rss-breakdown')
const { supported } = require('./supported')
const { trim } = require('./trim')
const { workerRss, workerRssAsync } = require('./worker-rss')

module.exports = {
  externalBuffers,
  footprint,
  limits,
  memoryUsage,
  rssBreakdown,
  rssBreakdownAsync,
  supported,
  trim,
  workerRss,
  workerRssAsync,
}
