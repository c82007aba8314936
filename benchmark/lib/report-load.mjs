import { table } from './markdown.mjs'

const LABELS = {
  empty: 'an empty module',
  v8: '`node:v8` alone',
  addon: 'the addon alone (`native.js`)',
  'rs-memusage': '**`rs-memusage`**',
}
const HEAD = ['`require` of', 'ms', 'RSS KiB', 'RssAnon', 'RssFile', 'node binary', 'addon', 'other files']

/** A table for each Node. */
export function reportLoad(results) {
  const sections = results.map(({ version, load }) => `#### Node ${version}\n\n${table(HEAD, rows(load))}`)
  return ['### What loading costs', ...sections].join('\n\n')
}

function rows(load) {
  return Object.entries(load).map(([name, cost]) => [
    LABELS[name],
    cost.milliseconds.toFixed(2),
    ...['rss', 'anon', 'file', 'node', 'addon', 'others'].map((figure) => cost[figure].toFixed(0)),
  ])
}
