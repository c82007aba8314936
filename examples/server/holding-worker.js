'use strict'

// The script of a worker thread that holds memory until it is terminated.

const { parentPort } = require('node:worker_threads')
const { MEGABYTE, bufferMegabyte, heapMegabyte } = require('./megabyte')

// Exported because Node keeps the exports of a thread's script: a plain constant would be garbage by now.
exports.held = [heapMegabyte(), bufferMegabyte()]

parentPort.ref() // an open port keeps the thread alive
parentPort.postMessage({ bytes: exports.held.length * MEGABYTE })
