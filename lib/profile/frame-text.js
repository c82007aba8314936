'use strict'

// How a frame is named in the files.

const { fileURLToPath, pathToFileURL } = require('node:url')
const { isAbsolute } = require('node:path')

function nameOf({ functionName }) {
  return functionName || '(anonymous)'
}

/** Where the code is as an address: a file's URL, `node:fs`, or '' for V8's own. */
function urlOf({ script }) {
  return isAbsolute(script) ? pathToFileURL(script).href : script
}

/** Where the code is as a path, where it is a file. */
function pathOf({ script }) {
  if (!script.startsWith('file:')) return script
  try {
    return fileURLToPath(script)
  } catch {
    return script // such as one that names a host
  }
}

/** `name (path:line:column)`, or the name alone of what has no place. */
function describe(frame) {
  const { script, line, column } = frame
  return script ? `${nameOf(frame)} (${pathOf(frame)}:${line}:${column})` : nameOf(frame)
}

module.exports = { describe, pathOf, urlOf }
