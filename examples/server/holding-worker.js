'use strict'

// The script of a worker thread that holds memory until it is terminated.

const { parentPort, workerData } = require('node:worker_threads')
require('rs-memusage/register') // so that workerRss() knows this thread, too
const { MEGABYTE } = require('./megabyte')
const { fulfil } = require('./worker-wish')

// Exported because Node keeps the exports of a thread's script: a plain constant would be garbage by now.
exports.held = fulfil(workerData)

parentPort.ref() // an open port keeps the thread alive
parentPort.postMessage({ bytes: exports.held.length * MEGABYTE })
