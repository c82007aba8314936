'use strict'

const { reportAndWait } = require('./report')

// Arrays of numbers: pages full of large objects, and of ordinary ones.
globalThis.held = Array.from({ length: 40_000 }, () => new Array(100).fill(1.5))
globalThis.large = Array.from({ length: 40 }, () => new Array(131_072).fill(1))
globalThis.gc()
reportAndWait()
