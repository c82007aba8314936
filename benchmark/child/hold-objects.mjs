import v8 from 'node:v8'

/** As many small objects as make the heap of this thread so large. */
export function hold(bytes) {
  const kept = []
  const used = () => v8.getHeapStatistics().used_heap_size
  const start = used()
  while (used() - start < bytes) {
    const chunk = []
    for (let i = 0; i < 10_000; i++) chunk.push({ name: `object ${i}`, weight: i / 3, tags: [i, i + 1] })
    kept.push(chunk)
  }
  return kept
}
