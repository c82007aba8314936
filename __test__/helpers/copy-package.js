'use strict'

const { cpSync, mkdirSync, readdirSync } = require('node:fs')
const { join } = require('node:path')

const root = join(__dirname, '..', '..')
const INSTALLED = /^((bundle|index|native|register)\.js|package\.json|lib|.*\.node)$/

/** Puts what an installed package runs with into a folder. */
function copyPackage(folder) {
  mkdirSync(folder, { recursive: true })
  for (const entry of readdirSync(root).filter((name) => INSTALLED.test(name))) {
    cpSync(join(root, entry), join(folder, entry), { recursive: true })
  }
}

module.exports = { copyPackage }
