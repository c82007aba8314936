'use strict'

// The public API. The build makes one file of lib/ and native.js, which loads in half the time and needs no descriptor
// later; a checkout that was never built has the sources alone.

const { existsSync } = require('node:fs')
const { join } = require('node:path')

const api = existsSync(join(__dirname, 'bundle.js')) ? require('./bundle') : require('./lib/index')

// One by one: `import` finds names that are written like this.
exports.externalBuffers = api.externalBuffers
exports.footprint = api.footprint
exports.memoryUsage = api.memoryUsage
exports.rssBreakdown = api.rssBreakdown
exports.rssBreakdownAsync = api.rssBreakdownAsync
exports.trim = api.trim
exports.workerRss = api.workerRss
exports.workerRssAsync = api.workerRssAsync
