// Asks a server as fast as it answers, over kept connections. It looks at nothing but how many bytes come: the
// cheaper the asking, the more the server's own cost shows.
//
//   node http-load.mjs PORT MILLISECONDS     forked: tells how many answers came

import { once } from 'node:events'
import { connect } from 'node:net'

const CONNECTIONS = 16
const REQUEST = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'
const HEAD_END = '\r\n\r\n'

const [port, milliseconds] = process.argv.slice(2).map(Number)
const end = performance.now() + milliseconds

const answers = await Promise.all(Array.from({ length: CONNECTIONS }, keepAsking))
process.send({ answers: answers.reduce((sum, count) => sum + count, 0) })
process.disconnect()

async function keepAsking() {
  const socket = connect(port, '127.0.0.1').setNoDelay(true)
  await once(socket, 'connect')
  let answers = 0
  let missing = 0
  socket.on('data', (data) => {
    missing ||= lengthOfAnswer(data)
    missing -= data.length
    if (missing > 0) return
    answers++
    if (performance.now() < end) socket.write(REQUEST)
    else socket.destroy()
  })
  socket.write(REQUEST)
  await once(socket, 'close')
  return answers
}

/** Head and body; the head comes in one piece. */
function lengthOfAnswer(data) {
  const head = data.latin1Slice(0, data.indexOf(HEAD_END) + HEAD_END.length)
  return head.length + Number(/content-length: (\d+)/i.exec(head)[1])
}
