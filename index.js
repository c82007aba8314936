'use strict'

// The public API. The build makes one file of lib/ and native.js, which loads in half the time and needs no descriptor
// later.

const api = require('./bundle')()

// One by one: `import` finds names that are written like this.
exports.externalBuffers = api.externalBuffers
exports.footprint = api.footprint
exports.limits = api.limits
exports.memoryUsage = api.memoryUsage
exports.rssBreakdown = api.rssBreakdown
exports.rssBreakdownAsync = api.rssBreakdownAsync
exports.supported = api.supported
exports.trim = api.trim
exports.workerRss = api.workerRss
exports.workerRssAsync = api.workerRssAsync
