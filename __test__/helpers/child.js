'use strict'

const { spawn } = require('node:child_process')
const { readdirSync, statSync } = require('node:fs')
const { join } = require('node:path')

const root = join(__dirname, '..', '..')

/** bundle.js is made of these; a test that ran on an older one would tell of what is no more. */
function checkBundle() {
  const lib = readdirSync(join(root, 'lib'), { recursive: true, encoding: 'utf8' }).map((file) =>
    join('lib', file),
  )
  const modified = (file) => statSync(join(root, file)).mtimeMs
  const made = modified('bundle.js')
  const sources = ['native.js', ...lib.filter((file) => file.endsWith('.js'))]
  const newer = sources.find((file) => modified(file) > made)
  if (newer) throw new Error(`${newer} is newer than bundle.js: run "node scripts/bundle.mjs"`)
}
checkBundle()

const MIB = 1024 * 1024

/**
 * Runs a function in a node process of its own and gives what it returns. The function is sent as text: it sees
 * nothing of the test but its arguments, and its `require` starts at the package's root.
 */
async function inChild(body, { args = [], env = {}, flags = [], shell } = {}) {
  const script = `
    Promise.resolve((${body})(...${JSON.stringify(args)})).then((answer) => {
      require('fs').writeSync(1, '\\n<answer>' + JSON.stringify(answer))
    })`
  const nodeArgs = ['--expose-gc', ...flags, '--eval', script]
  const command = shell
    ? ['sh', ['-c', `${shell}; exec "$0" "$@"`, process.execPath, ...nodeArgs]]
    : [process.execPath, nodeArgs]
  const result = await runProcess(...command, { cwd: root, env: { ...process.env, ...env } })
  const [, answer] = result.stdout.split('\n<answer>')
  if (result.code !== 0 || answer === undefined) {
    throw new Error(
      `child ended with code ${result.code}, signal ${result.signal}:\n${result.stderr}${result.stdout}`,
    )
  }
  return answer === 'undefined' ? undefined : JSON.parse(answer)
}

/** Runs a process to its end. */
function runProcess(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text) => {
      stderr += text
    })
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }))
  })
}

module.exports = { inChild, runProcess, root, MIB }
