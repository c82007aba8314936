'use strict'

// `node --require rs-memusage/register`, or `--import`: puts the main thread and, because workers inherit the option,
// every worker on the registry, so that workerRss() knows them.

require('./index')
