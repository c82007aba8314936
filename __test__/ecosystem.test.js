'use strict'

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { inChild, MIB } = require('./helpers/child')

describe('with process.memoryUsage = memoryUsage', () => {
  it('prom-client goes on exporting', async () => {
    const { metrics, usage } = await inChild(async () => {
      process.memoryUsage = require('./index.js').memoryUsage
      const client = require('prom-client')
      client.collectDefaultMetrics()
      return { metrics: await client.register.metrics(), usage: process.memoryUsage() }
    })
    const value = (name) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(metrics)[1])
    assert.ok(Math.abs(value('process_resident_memory_bytes') - usage.rss) < 8 * MIB)
    assert.ok(Math.abs(value('nodejs_heap_size_total_bytes') - usage.heapTotal) < 8 * MIB)
    assert.ok(Math.abs(value('nodejs_external_memory_bytes') - usage.external) < MIB)
  })

  it('@fastify/under-pressure goes on measuring and refusing', async () => {
    const answer = await inChild(async () => {
      process.memoryUsage = require('./index.js').memoryUsage
      const fastify = require('fastify')()
      const sampleInterval = 20
      fastify.register(require('@fastify/under-pressure'), { maxRssBytes: 1, sampleInterval })
      fastify.get('/', async () => 'not under pressure')
      const address = await fastify.listen({ port: 0, host: '127.0.0.1' })
      await new Promise((resolve) => setTimeout(resolve, 5 * sampleInterval))
      const { status } = await fetch(address)
      const { rssBytes, heapUsed } = fastify.memoryUsage()
      await fastify.close()
      return { status, rssBytes, heapUsed, usage: process.memoryUsage() }
    })
    assert.equal(answer.status, 503)
    assert.ok(Math.abs(answer.rssBytes - answer.usage.rss) < 32 * MIB)
    assert.ok(Math.abs(answer.heapUsed - answer.usage.heapUsed) < 32 * MIB)
  })
})
