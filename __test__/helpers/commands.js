'use strict'

// Commands that tests use and not every machine has: they are skipped where it is not.

const { spawnSync } = require('node:child_process')

/** Options of a test that uses this command. */
function needsCommand(command) {
  const { error } = spawnSync(command, ['--version'], { stdio: 'ignore' })
  return { skip: error ? `${command} was not found` : false }
}

module.exports = { needsCommand }
