'use strict'

// Who the calling thread is for JavaScript.
//
// node:worker_threads takes a good half millisecond to load. In a worker it is loaded already; the thread that the
// process began with runs no worker, and is 0.

const native = require('../native')

const { threadId, threadName } = native.isMainThread() ? { threadId: 0 } : require('node:worker_threads')

module.exports = { threadId, threadName }
