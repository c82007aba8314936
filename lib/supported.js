'use strict'

const native = require('../native')

const reason = native.reason ?? null
const isMeasured = reason === null

/** What can be had in this process, and why the rest cannot. */
const supported = Object.freeze({
  footprint: isMeasured,
  limits: isMeasured,
  peakRss: isMeasured,
  profile: isMeasured,
  rssBreakdown: isMeasured,
  trim: native.allocatorName() !== null,
  workerRss: isMeasured,
  reason,
})

module.exports = { supported }
