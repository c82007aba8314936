'use strict'

// The public API is lib/index.js. The build makes one file of it and all that it needs, which loads in half the time and
// needs no descriptor later; a checkout that was never built has the sources alone.

const { existsSync } = require('node:fs')
const { join } = require('node:path')

module.exports = existsSync(join(__dirname, 'bundle.js')) ? require('./bundle') : require('./lib/index')
