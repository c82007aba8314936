'use strict'

// What runs this JavaScript, and whether an addon may be loaded into it.

const { bun, deno, electron, nw } = process.versions

/** Other engines give themselves out for Node, and have some of its symbols as stubs that abort when called. */
const isNode = process.release?.name === 'node' && !(bun || deno || electron || nw)

/** What stands in the way of the addon; `null` when nothing does. */
function obstacle() {
  if (!isNode) return `this is ${engineName()}, not Node.js`
  if (process.platform !== 'linux') return `it measures on Linux alone, and this is ${process.platform}`
  if (isBuildingSnapshot()) return 'a startup snapshot was built with it, which holds no addons'
  return null
}

function engineName() {
  if (bun) return 'Bun'
  if (deno) return 'Deno'
  if (electron) return 'Electron'
  return nw ? 'NW.js' : 'another engine'
}

/** To ask `node:v8` costs a millisecond: it is asked where the command line has to do with snapshots. */
function isBuildingSnapshot() {
  const isLikely = process.execArgv.some((flag) => /^--(build[-_]|experimental[-_]sea)/.test(flag))
  return isLikely && (require('node:v8').startupSnapshot?.isBuildingSnapshot() ?? false)
}

module.exports = { isNode, obstacle }
