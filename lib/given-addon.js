'use strict'

// The binary that an entry for one platform names, so that bundlers find it: what it is called, and how it is loaded.

module.exports = { id: null, load: null }
