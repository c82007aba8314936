// What a user runs and compiles. Each program prints one line of JSON.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** The programs that load the package, and what each prints where everything works. */
export const WAYS = [
  { way: 'require', file: 'require.cjs', expected: { rss: true, sum: true } },
  { way: 'import', file: 'import.mjs', expected: { rss: true, sum: true, isDefault: true } },
]

const PROBE = `const { rss, parts } = rssBreakdown()
const sum = Object.values(parts).reduce((total, bytes) => total + bytes, 0)
const answer = { rss: memoryUsage().rss > 1e7, sum: sum === rss && rss > 1e7 }`

const CONSUMER = `export const text: string = memoryUsage().rss.toFixed() + rssBreakdown().parts.v8Heap.toFixed()
// @ts-expect-error: the types are known, and have no such property
export const none = memoryUsage().nothing
`

/** Programs by file name, for one entry of the package. */
function programs(entry) {
  const named = `import { memoryUsage, rssBreakdown } from '${entry}'`
  const both = `import memusage, { memoryUsage, rssBreakdown } from '${entry}'`
  return {
    'require.cjs': `const { memoryUsage, rssBreakdown } = require('${entry}')
${PROBE}
console.log(JSON.stringify(answer))
`,
    'import.mjs': `${both}
${PROBE}
console.log(JSON.stringify({ ...answer, isDefault: memusage.memoryUsage === memoryUsage }))
`,
    // How far a process came, and what stopped it.
    'tell.cjs': `function tell() {
  let memusage
  try {
    memusage = require('${entry}')
  } catch ({ code, message }) {
    return { code, message }
  }
  const { memoryUsage, rssBreakdown, supported } = memusage
  try {
    ${PROBE}
    return { ...answer, reason: supported.reason }
  } catch ({ code }) {
    return { rss: memoryUsage().rss > 1e7, breakdown: code, reason: supported.reason }
  }
}
console.log(JSON.stringify(tell()))
`,
    'consumer.ts': `${named}\n${CONSUMER}`,
    'consumer.cts': `${named}\n${CONSUMER}`,
    'consumer.mts': `${both}\n${CONSUMER}export const same: typeof memoryUsage = memusage.memoryUsage\n`,
  }
}

/** Writes the programs for an entry into a new folder of a project. */
export function writePrograms(project, entry) {
  const folder = join(project, folderOf(entry))
  mkdirSync(folder)
  for (const [file, text] of Object.entries(programs(entry))) writeFileSync(join(folder, file), text)
}

export function folderOf(entry) {
  return entry.replace('/', '-for-')
}

/** The ways of tsc to find modules, and the files that are compiled by each. `node10` is gone in TypeScript 7. */
export const RESOLUTIONS = [
  { title: 'node10', module: 'commonjs', files: ['consumer.ts'], last: 6 },
  { title: 'node16', module: 'node16', files: ['consumer.cts', 'consumer.mts'] },
  { title: 'nodenext', module: 'nodenext', files: ['consumer.cts', 'consumer.mts'] },
  { title: 'bundler', module: 'esnext', files: ['consumer.ts'] },
]
