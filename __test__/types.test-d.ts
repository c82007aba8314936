// Checked by `tsc --noEmit`: what compiles here is what users can write, and each expected error must be one.

import {
  type BufferProfile,
  type BufferProfiler,
  type BufferSite,
  type CgroupLimit,
  type ExternalBuffer,
  type ExternalBuffersUsage,
  externalBuffers,
  type Footprint,
  footprint,
  type Limit,
  limits,
  type MemoryUsage,
  memoryUsage,
  type RssBreakdown,
  rssBreakdown,
  rssBreakdownAsync,
  type Supported,
  supported,
  type ThreadRss,
  type TrimResult,
  trim,
  type WorkerRss,
  workerRss,
  workerRssAsync,
} from 'rs-memusage'

const usage: MemoryUsage = memoryUsage()
const figures: number[] = [
  usage.rss,
  usage.heapTotal,
  usage.heapUsed,
  usage.external,
  usage.arrayBuffers,
  usage.heapLimit,
]
const resident: number = memoryUsage.rss()
const peak: number | null = memoryUsage.peakRss()
const reset: boolean = memoryUsage.resetPeakRss()
const way: 'statm' | 'node' = memoryUsage.method.rss

const own: Footprint = footprint()
const { uss, pss, swap }: Record<'uss' | 'pss' | 'swap', number> = footprint(1)

process.memoryUsage = memoryUsage

const told: Supported = supported
const reason: string | null = told.reason
// @ts-expect-error it is frozen
supported.trim = true

const trimmed: TrimResult = trim()
const released: number | null = trimmed.released
const allocator: 'glibc' | 'jemalloc' | 'mimalloc' | 'tcmalloc' | null = trimmed.allocator

// @ts-expect-error the peak may be unknown
const certain: number = memoryUsage.peakRss()
// @ts-expect-error there is no such figure
usage.heapFree
// @ts-expect-error the method is decided at load
memoryUsage.method.v8 = 'none'
// @ts-expect-error a process is named by its number
footprint('1')

// @ts-expect-error an allocator may be unable to trim
const left: number = trim().released
// @ts-expect-error there is nothing to choose
trim({ pad: 0 })

const breakdown: RssBreakdown = rssBreakdown({ budgetMs: 5, regions: true, allocator: true })
const other: number = breakdown.parts.other
const pending: Promise<RssBreakdown> = rssBreakdownAsync({ signal: new AbortController().signal })
// @ts-expect-error a signal is for the asynchronous call
rssBreakdown({ signal: new AbortController().signal })
// @ts-expect-error the allocator may not tell
const inUse: number = breakdown.nativeHeap.inUse

const workers: WorkerRss = workerRss({ waitMs: 50, deep: true, budgetMs: 100 })
const fat: ThreadRss | undefined = workers.threads.find((thread) => thread.kind === 'worker')
const self: ThreadRss | null = workerRss.self()
const later: Promise<WorkerRss> = workerRssAsync({ signal: new AbortController().signal })
const dead: number = workers.sharedParts.deadArenas
// @ts-expect-error V8 may not have been asked
const used: number = workers.threads[0]?.heapUsed
// @ts-expect-error a signal is for the asynchronous call
workerRss({ signal: new AbortController().signal })

const allocated: Buffer = externalBuffers.allocate(1024, { label: 'cache' })
externalBuffers.release(allocated)
const atEnd: Disposable = externalBuffers.allocate(1)
const tracked: Float64Array = externalBuffers.track(new Float64Array(8), { label: 'samples' })
const sharedMemory: SharedArrayBuffer = externalBuffers.track(new SharedArrayBuffer(8))
const buffersUsage: ExternalBuffersUsage = externalBuffers.usage()
const residentOfLabel: number | null = buffersUsage.labels.cache.resident
const largest: ExternalBuffer[] = externalBuffers.list({ label: 'cache', olderThanMs: 60_000, top: 10 })
const stack: string | null = largest[0].stack
const unaccounted: number = externalBuffers.unaccounted()
// @ts-expect-error a string is no buffer
externalBuffers.track('text')
// @ts-expect-error a label is text
externalBuffers.allocate(1, { label: 1 })
// @ts-expect-error there is no such option
externalBuffers.list({ older: 1 })
// @ts-expect-error resident bytes may be unknown
const known: number = buffersUsage.resident
const profiler: BufferProfiler = externalBuffers.profile
profiler.start()
profiler.start({ sampleBytes: 65536, maxTimeShare: 0.1 })
const profile: BufferProfile = profiler.stop()
const [site]: BufferSite[] = profile.sites
const pprof: Buffer = profile.toPprof()
const heapProfile: { selfSize: number; id: number } = profile.toHeapProfile().head
// @ts-expect-error there is no such option
profiler.start({ interval: 1 })
// @ts-expect-error a profile does not change
profile.liveBytes = 0

const { heap, cgroup, rlimit, host, nearest } = limits()
const heapLimit: number = heap.limit
const groupLimit: CgroupLimit | null = cgroup
const others: (Limit | null)[] = [rlimit, host]
const kind: 'heap' | 'cgroup' | 'rlimit' | 'host' = nearest.kind
// @ts-expect-error the limit of a group may be unknown
const unknownGroup: number = cgroup.limit
// @ts-expect-error nothing is asked
limits({})

export {
  allocated,
  allocator,
  atEnd,
  breakdown,
  buffersUsage,
  certain,
  dead,
  fat,
  figures,
  groupLimit,
  heapLimit,
  heapProfile,
  inUse,
  kind,
  known,
  largest,
  later,
  left,
  other,
  others,
  own,
  peak,
  pending,
  pprof,
  profile,
  pss,
  reason,
  released,
  reset,
  resident,
  residentOfLabel,
  self,
  sharedMemory,
  site,
  stack,
  swap,
  tracked,
  unaccounted,
  unknownGroup,
  used,
  uss,
  way,
  workers,
}
