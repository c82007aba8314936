const { footprint } = require('./lib/footprint')
const { memoryUsage } = require('./lib/memory-usage')

module.exports = { footprint, memoryUsage }
