'use strict'

// What goes back to a client: `{ code, headers, text? }`.

const { readFileSync } = require('node:fs')
const { extname, join } = require('node:path')

const TYPES = { '.css': 'text/css', '.html': 'text/html', '.mjs': 'text/javascript' }

const ALWAYS = {
  'cache-control': 'no-store', // a figure of the moment, an action, or the page that belongs to this version
  'x-content-type-options': 'nosniff',
}

/** For the page: its own files and nothing else, no inline code, nobody's frame, no text that becomes markup. */
const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  'img-src data:', // its empty icon, so that browsers do not ask for one
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ')

function json(code, body, headers) {
  const text = body && `${JSON.stringify(body, null, 2)}\n`
  return answer(code, 'application/json', headers, text)
}

function problem(code, error, headers) {
  return json(code, { error }, headers)
}

/** A file of the page, read once: the server goes on serving it when it has no descriptor left. */
function pageFile(name, headers) {
  const text = readFileSync(join(__dirname, 'page', name), 'utf8')
  const type = TYPES[extname(name)]
  const policy = type === 'text/html' ? { 'content-security-policy': PAGE_POLICY } : {}
  return answer(200, type, { ...policy, ...headers }, text)
}

function answer(code, type, headers, text) {
  return { code, headers: { ...ALWAYS, 'content-type': `${type}; charset=utf-8`, ...headers }, text }
}

module.exports = { json, pageFile, problem }
