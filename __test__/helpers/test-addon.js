'use strict'

// The addon of tests/addon, which holds memory of every kind. `scripts/test.mjs` builds it, and scripts/musl.mjs for musl.

const { constants } = require('node:os')
const { join } = require('node:path')

const path =
  process.env.RS_MEMUSAGE_TEST_ADDON ??
  join(__dirname, '..', '..', 'target', 'release', 'examples', 'libtest_addon.so')
const addon = { exports: {} }
process.dlopen(addon, path, constants.dlopen.RTLD_NOW)

module.exports = addon.exports
