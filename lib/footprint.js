'use strict'

const native = require('../native')
const { validateInteger } = require('./validate')

/** Linux lets nobody raise `pid_max` beyond this (`PID_MAX_LIMIT`). */
const HIGHEST_PID = 2 ** 22

function footprint(pid) {
  if (pid === undefined) return native.footprint()
  validateInteger(pid, 'pid', 1, HIGHEST_PID)
  return native.footprint(pid)
}

module.exports = { footprint }
