'use strict'

const { readFileSync } = require('node:fs')
const { createRequire, isBuiltin } = require('node:module')
const { dirname } = require('node:path')
const vm = require('node:vm')

/**
 * A realm of node:vm with a `require` that loads CommonJS files inside of it, as jest does: what is built in and
 * addons come from outside. `sandbox` is the object that becomes the context.
 */
function realm(sandbox = {}) {
  const context = vm.createContext(sandbox)
  const loaded = new Map()

  function load(path) {
    if (loaded.has(path)) return loaded.get(path).exports
    const module = { exports: {} }
    loaded.set(path, module)
    if (path.endsWith('.json')) {
      module.exports = JSON.parse(readFileSync(path, 'utf8'))
      return module.exports
    }
    const wrapper = `(function (exports, require, module, __filename, __dirname) {${readFileSync(path, 'utf8')}\n})`
    const run = vm.runInContext(wrapper, context, { filename: path })
    run.call(module.exports, module.exports, requireFrom(path), module, path, dirname(path))
    return module.exports
  }

  function requireFrom(path) {
    const outside = createRequire(path)
    return (id) => {
      if (isBuiltin(id)) return outside(id)
      const found = outside.resolve(id)
      return found.endsWith('.node') ? outside(found) : load(found)
    }
  }

  return { load, run: (code) => vm.runInContext(code, context), sandbox: context }
}

module.exports = { realm }
