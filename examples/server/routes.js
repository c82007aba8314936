'use strict'

const { prefersHtml } = require('./accept')
const { json, pageFile, problem } = require('./answers')
const { keepBuffer, keptParameters, leak, listBuffers, listParameters } = require('./buffer-routes')
const { BadParameter, describeParameters, readParameters } = require('./parameters')
const { status, summary, withReadableBytes } = require('./report')
const { keepWorker, oneWorker } = require('./worker-routes')
const { wishParameters } = require('./worker-wish')

const LOOK = ['GET', 'HEAD']
// By the book an action is a POST. People type these into a browser, which can only GET.
const ACT = ['GET', 'HEAD', 'POST']
const LOOK_OR_END = ['GET', 'HEAD', 'DELETE']
const ACT_OR_END = [...ACT, 'DELETE']

const routes = [
  { path: '/', methods: LOOK, about: 'this list; in a browser a page for people', answer: home },
  { path: '/status', methods: LOOK, about: 'memory of the process, where and whose it is', answer: look },
  { path: '/allocate', methods: ACT, about: 'keeps 1 MiB of JavaScript heap', answer: keepHeap },
  {
    path: '/buffer',
    methods: ACT,
    about: 'keeps a Buffer, labelled',
    parameters: keptParameters,
    answer: keepBuffer,
  },
  {
    path: '/buffers',
    methods: LOOK,
    about: 'the largest buffers of all threads, those of a label, or those that should have gone by now',
    parameters: listParameters,
    answer: listBuffers,
  },
  {
    path: '/leak',
    methods: ACT_OR_END,
    about: 'starts to leak buffers, for /buffers?olderThanMs=N to find; DELETE ends it and drops them',
    answer: leak,
  },
  {
    path: '/worker',
    methods: ACT,
    about: 'starts a worker thread that holds memory',
    parameters: wishParameters,
    answer: keepWorker,
  },
  {
    path: '/worker/:id',
    methods: LOOK_OR_END,
    about: 'one worker by its threadId; DELETE ends it',
    answer: oneWorker,
  },
  { path: '/release', methods: ACT, about: 'drops all of it and ends the workers', answer: release },
]

/** The same address has two faces, and caches have to know. */
const BY_ACCEPT = { vary: 'accept' }
const page = pageFile('index.html', BY_ACCEPT)

/** What the page consists of. Not listed: nobody else has a use for it. */
const pageFiles = [
  'page.css',
  'page.mjs',
  'buffers.mjs',
  'drawing.mjs',
  'figures.mjs',
  'rows.mjs',
  'threads.mjs',
]
const pageRoutes = pageFiles.map((name) => {
  const file = pageFile(name)
  return { path: `/${name}`, methods: LOOK, answer: () => file }
})

/** Status codes of refusals that are nobody's mistake. */
const STATUS_OF_REFUSAL = { RELEASED: 409, CLOSING: 503 }

function home(_holdings, { accept }) {
  return prefersHtml(accept) ? page : json(200, { routes: index() }, BY_ACCEPT)
}

function index() {
  return routes.map(({ path, methods, about, parameters }) => {
    return { path, methods, about, query: parameters && describeParameters(parameters) }
  })
}

async function look(holdings) {
  return json(200, await status(holdings))
}

function keepHeap(holdings) {
  holdings.keepHeap()
  return json(200, summary(holdings))
}

async function release(holdings) {
  const released = await holdings.release()
  return json(200, { released: withReadableBytes(released), ...summary(holdings) })
}

/** The answer to a request: `{ code, headers, text? }`. Never rejects. */
async function answerTo({ method, url, headers }, holdings) {
  const target = targetOf(url)
  if (target === null) return problem(400, 'The address of this request is malformed.')
  const { pathname: path, searchParams } = target
  const route = [...routes, ...pageRoutes].find((candidate) => leadsTo(candidate, path))
  if (!route) return problem(404, `There is nothing at ${path}. The routes are listed at /`)
  if (!route.methods.includes(method)) {
    return problem(405, `${path} does not take ${method}.`, { allow: route.methods.join(', ') })
  }
  try {
    const query = readParameters(searchParams, route.parameters ?? {})
    // HEAD only looks: the headers of an action are known without doing it.
    if (method === 'HEAD' && route.methods.includes('POST')) return json(200)
    return await route.answer(holdings, { accept: headers.accept, id: lastPiece(path), method, query })
  } catch (error) {
    return refusal(error)
  }
}

function refusal(error) {
  const { code, message, parameter, allowed } = error
  if (error instanceof BadParameter) return json(400, { error: message, parameter, allowed })
  if (code in STATUS_OF_REFUSAL) return problem(STATUS_OF_REFUSAL[code], message)
  console.error(error)
  return problem(500, message)
}

/** Null for what is no address. */
function targetOf(url) {
  try {
    // A request may name its target in full, as proxies do. A path is not resolved: "//x" would become a host.
    return new URL(url.startsWith('/') ? `http://localhost${url}` : url)
  } catch {
    return null
  }
}

/** A route's path is taken by the letter, but for ":id", which is one piece of whatever text. */
function leadsTo(route, path) {
  if (!route.path.endsWith('/:id')) return route.path === path
  const id = lastPiece(path)
  return id !== '' && route.path.replace(':id', () => id) === path
}

function lastPiece(path) {
  return path.slice(path.lastIndexOf('/') + 1)
}

module.exports = { answerTo }
