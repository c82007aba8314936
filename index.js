'use strict'

const { memoryUsage } = require('./lib/memory-usage')

module.exports = { memoryUsage }
