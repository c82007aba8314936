'use strict'

const { spawn } = require('node:child_process')
const { join } = require('node:path')

const root = join(__dirname, '..', '..')
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
