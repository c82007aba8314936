'use strict'

// The public API. The build makes one file of lib/ and native.js, which loads in half the time and needs no descriptor
// later; a checkout that was never built has the sources alone.

const { existsSync } = require('node:fs')
const { join } = require('node:path')

const api = existsSync(join(__dirname, 'bundle.js')) ? require('./bundle') : require('./lib/index')
const {
  externalBuffers,
  footprint,
  memoryUsage,
  rssBreakdown,
  rssBreakdownAsync,
  trim,
  workerRss,
  workerRssAsync,
} = api

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
