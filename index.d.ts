// Types of rs-memusage, written by hand and tested in __test__/types.test-d.ts. Every size is in bytes.

/** What {@link memoryUsage} returns. All figures are bytes. */
export interface MemoryUsage {
  /**
   * Resident set size of the whole process: every page of it that is in memory now. All threads share it.
   *
   * Source: `/proc/self/statm`, exact to the page on Linux 6.16 and later. From 6.2 to 6.15 each processor may be late
   * by up to 32 pages of a kind, or twice the number of processors where that is more (0.25 MB with 2 processors, 32 MB
   * with 64); before 6.2 each thread by up to 65 page faults (0.25 MB of anonymous memory a thread).
   */
  rss: number
  /** Bytes that V8 has reserved for the JS heap of this thread (`total_heap_size`). */
  heapTotal: number
  /** Bytes of that heap in use, garbage not yet collected included (`used_heap_size`). */
  heapUsed: number
  /**
   * Bytes outside the heap that V8 knows to belong to JS objects of this thread (`external_memory`). It is what
   * was asked for, not what is resident, and V8 brings it up to date only at the next allocation of a buffer or
   * garbage collection.
   */
  external: number
  /**
   * Bytes of all `ArrayBuffer`s, `SharedArrayBuffer`s and `Buffer`s that Node's allocator of this thread made. A
   * transferred buffer stays on the bill of the thread that allocated it, as in Node.
   */
  arrayBuffers: number
  /** Where V8 gives up and aborts the process: `heap_size_limit` of this thread. */
  heapLimit: number
}

/** Which way {@link memoryUsage} takes in this thread; decided when it is first called, or asked for its method. */
export interface MemoryUsageMethod {
  /**
   * `'statm'`: the addon reads the kernel's count. `'node'`: the engine's own `process.memoryUsage()` is asked, where the
   * platform is not supported, in a startup snapshot, and in Bun, Deno, Electron and NW.js, into which no addon is loaded.
   */
  readonly rss: 'statm' | 'node'
  /**
   * `'verified'`: V8 is asked through symbols that the node binary exports, after their answers were found equal
   * to those of `v8.getHeapStatistics()`. `'none'`: `v8.getHeapStatistics()` is asked at every call.
   */
  readonly v8: 'verified' | 'none'
  /** `'verified'`: read from Node's own counter, found by experiment. `'none'`: `process.memoryUsage()` is asked. */
  readonly arrayBuffers: 'verified' | 'none'
}

/** The type of {@link memoryUsage}. */
export interface MemoryUsageFunction {
  (): MemoryUsage

  /**
   * Resident set size of the process in bytes: one `pread` of a file that stays open.
   *
   * @throws `ERR_MEMUSAGE_PROC_READ` with `file`, `syscall` and `errno` when `/proc/self/statm` cannot be read, as
   * in a container without `/proc`; `ERR_MEMUSAGE_PROC_PARSE` with `file` and `field` when its text is not what
   * Linux documents.
   */
  rss(): number

  /**
   * Highest resident set size in bytes since the process started, or since {@link resetPeakRss}. Source: `VmHWM`
   * of `/proc/self/status`; about twenty times the cost of {@link rss}. `null` where the platform keeps no peak.
   *
   * @throws as {@link rss}, about `/proc/self/status`.
   */
  peakRss(): number | null

  /**
   * Sets the peak back to the current resident set size, so that the peak of one piece of work can be read. The
   * peak belongs to the process: other readers of `VmHWM` see it reset too.
   *
   * @returns `false` where the kernel refuses or the platform keeps no peak.
   */
  resetPeakRss(): boolean

  /** Which way the figures take in this thread. */
  readonly method: MemoryUsageMethod
}

/**
 * Memory of this process and of the V8 heap of the calling thread, in bytes: a faster drop-in for
 * `process.memoryUsage()` with one more figure.
 *
 * No file is opened: it goes on working when the process has no descriptor left. `process.memoryUsage =
 * memoryUsage` is a valid swap. Cost: one `pread` and V8's heap statistics, about a fifth of Node's own
 * (benchmark/README.md).
 *
 * @throws as {@link MemoryUsageFunction.rss}.
 *
 * @example
 * const { memoryUsage } = require('rs-memusage')
 * memoryUsage()
 * // { rss: 45428736, heapTotal: 4431872, heapUsed: 3719560, external: 1338665, arrayBuffers: 16079, heapLimit: 4345298944 }
 */
export const memoryUsage: MemoryUsageFunction

/** What can be had in this process; see {@link supported}. */
export interface Supported {
  /** {@link footprint} answers. */
  readonly footprint: boolean
  /** {@link limits} answers. */
  readonly limits: boolean
  /** `memoryUsage.peakRss()` may answer with a figure. */
  readonly peakRss: boolean
  /** `externalBuffers.profile` can be started. */
  readonly profile: boolean
  /** {@link rssBreakdown} and {@link rssBreakdownAsync} answer. */
  readonly rssBreakdown: boolean
  /** {@link trim} knows the allocator of this process. */
  readonly trim: boolean
  /** {@link workerRss} and {@link workerRssAsync} answer. */
  readonly workerRss: boolean
  /** Why not, in words, where no addon is loaded: on macOS and Windows, in Bun, with `--no-addons`; otherwise `null`. */
  readonly reason: string | null
}

/**
 * What can be had in this process, before it is asked for. It is frozen. What cannot be had throws
 * `ERR_MEMUSAGE_UNSUPPORTED` when it is called; `memoryUsage()` and `externalBuffers` answer everywhere.
 */
export const supported: Supported

/** A limit, and how far it is. All figures are bytes. */
export interface Limit {
  /** So much there may be; `null` where nothing limits it. */
  limit: number | null
  /** So much counts against it now; `null` where that is not known. */
  used: number | null
  /** `limit` less `used`, at least 0; `null` where one of them is. */
  available: number | null
  /** Who set it: the file, the name of the resource or the option; `null` where nothing limits it. */
  source: string | null
}

/** The limit of the control groups that the process is in: what a container may have. */
export interface CgroupLimit extends Limit {
  /**
   * That of the group that binds: of the process's own group and all above it, the one with the least left, for what is
   * charged to a group is charged to all above, which may have other members. `used` is its working set, as the kubelet
   * takes it: usage less `inactiveFile`, at least 0. `source` is its `memory.max` or `memory.limit_in_bytes`.
   *
   * Without any limit `used` is the working set of the lowest group that tells it.
   */
  limit: number | null
  /** Where allocating begins to be slowed down (`memory.high`); version 1 has no such thing. Nobody is killed there. */
  high: Limit
  /** Version of control groups, 1 or 2. On a hybrid host it is that which has the memory controller. */
  version: 1 | 2
  /** The directory of the process's own group. */
  group: string
  /** Bytes charged to the group that binds, page cache included. */
  usage: number | null
  /** Of `usage`, page cache that nobody used lately: the kernel takes it back before anybody is killed. */
  inactiveFile: number | null
  /**
   * What happened in the group that binds and in all below it. Version 1 counts who was killed in its own group alone: there
   * it is the sum from the process's own group up to the one that binds.
   */
  events: CgroupEvents
  /** What happened in the process's own group alone. */
  localEvents: CgroupEvents
  /** Pressure stall information of the group that binds; `null` with version 1, and where the kernel keeps none. */
  pressure: { some: Stall; full: Stall } | null
  /**
   * Whether the whole group is killed with any of its processes (`memory.oom.group`, set in every container since
   * Kubernetes 1.28): a helper child that is killed takes the app along. `null` where the kernel does not tell.
   */
  oomGroup: boolean | null
  /**
   * Whether there are groups above that cannot be seen from here, as in a container with a cgroup namespace. Where such a
   * one is limited, as that of a pod, its limit is on the sum of all containers in it, and less than `available` may be
   * left.
   */
  upperBound: boolean
}

/** How often it happened since the group was made; `null` where the kernel does not tell. */
export interface CgroupEvents {
  /** Processes were slowed down at `memory.high`. */
  high: number | null
  /** The limit was about to be exceeded (`max`; `memory.failcnt` of version 1). */
  max: number | null
  /** Nothing could be taken back, and somebody had to be killed or an allocation failed. */
  oom: number | null
  /** Processes that were killed. */
  oomKill: number | null
}

/** For how much of the time tasks waited for memory. */
export interface Stall {
  /** Per cent of the last ten seconds. */
  percent10: number
  /** Of the last minute. */
  percent60: number
  /** Of the last five minutes. */
  percent300: number
  /** Milliseconds since the group was made. */
  totalMs: number
}

/** What {@link limits} returns. */
export interface Limits {
  /**
   * V8's limit for the JS heap of this thread. Garbage is in `used`, so more may be left. `source` is the option
   * (`--max-old-space-size=512`, behind `NODE_OPTIONS` if it stands there), `resourceLimits` in a worker, or `V8` where V8
   * chose by the memory of the machine.
   */
  heap: Limit & { limit: number; used: number; available: number; source: string }
  /** `null` where no group can be seen, or none has a say in memory: that is not known to be unlimited. */
  cgroup: CgroupLimit | null
  /**
   * `RLIMIT_AS` or `RLIMIT_DATA` (`ulimit -v`, `-d`), the one with the least left. They count what is mapped, resident or
   * not. `null` where the kernel does not tell.
   */
  rlimit: Limit | null
  /** The machine: `MemTotal`, and `MemAvailable` as what is available. `null` where the kernel does not tell. */
  host: Limit | null
  /** The one with the least left: what will kill first, and how far it is. */
  nearest: {
    kind: 'heap' | 'cgroup' | 'rlimit' | 'host'
    limit: number
    used: number
    available: number
    source: string
  }
}

/**
 * How much memory is left, by everybody who may say that it is enough: V8, the control groups of a container, `ulimit`
 * and the machine. A limit that is changed while the process runs is seen at the next call.
 *
 * `process.constrainedMemory()` and `process.availableMemory()` ask the process's own group alone and count page cache as
 * used; this asks all groups above it, and counts page cache that nobody used lately as free.
 *
 * Source: `/proc/self/cgroup`, `/proc/self/mountinfo`, the files of each group, `/proc/self/limits`, `/proc/self/status`,
 * `/proc/meminfo`. Cost: some ten files are opened, 0.1 to 0.3 ms.
 *
 * @throws `ERR_MEMUSAGE_UNSUPPORTED` where no addon is loaded.
 *
 * @example
 * const { nearest } = limits()
 * // { kind: 'cgroup', limit: 314572800, used: 146800640, available: 167772160, source: '/sys/fs/cgroup/memory.max' }
 * if (nearest.available < 64 * 1024 * 1024) server.close()
 */
export function limits(): Limits

/** What {@link footprint} returns. All figures are bytes. */
export interface Footprint {
  /**
   * Unique set size: the resident pages that no other process has mapped, those of hugetlbfs included: about what
   * ending the process would set free. When a second process starts to run the same binary, the code of that binary
   * is no longer unique to the first, and this figure falls although nothing was freed.
   */
  uss: number
  /**
   * Proportional set size: every resident page divided by the number of mappings that hold it. Because a page of
   * four processes counts a quarter in each, `pss` may be summed over the processes of a cluster, or over a whole
   * tree, and the sum counts no page twice; a sum of `rss` counts shared pages once for each process.
   * Pages of hugetlbfs do not count, as they do not in `rss`.
   */
  pss: number
  /**
   * Bytes that were written out to swap and are in none of the other figures. Pages that several processes share
   * count in full in each, so a sum may count them more than once.
   */
  swap: number
}

/**
 * Memory of one process told apart from what it shares with others, in bytes: the honest sum over a cluster or a
 * process tree.
 *
 * Source: `/proc/<pid>/smaps_rollup`, or the sum over `/proc/<pid>/smaps` before Linux 4.14; `uss`, `pss` and
 * `swap` mean what they mean in psutil. One file is opened per call; when the descriptor table is full, in a place
 * that is held in reserve.
 *
 * Cost: the kernel walks every page of the process, 0.15 to 0.5 ms for a small one and 3 to 16 ms for each resident
 * GB, and locks its memory map meanwhile: threads of that process that map or unmap memory, as V8 and malloc do, wait
 * up to that long. Call it to answer a question, never on a timer; for that there is {@link memoryUsage}.
 *
 * @param pid The process to look into, from 1 to 4194304; the calling one by default.
 *
 * @throws `ERR_INVALID_ARG_TYPE`, `ERR_OUT_OF_RANGE` when `pid` is no such number. `ERR_MEMUSAGE_PROC_READ` with
 * `file`, `syscall` and `errno` when the file cannot be read: `ENOENT` or `ESRCH` for a process that does not exist
 * or has ended, `EACCES` for one that the caller may not trace (another user's, or in a hardened container any).
 * `ERR_MEMUSAGE_PROC_PARSE` with `file` and `field` when its text is not what Linux documents.
 * `ERR_MEMUSAGE_UNSUPPORTED` on a platform without such a file, and where no addon is loaded.
 *
 * @example
 * const cluster = require('node:cluster')
 * const { footprint } = require('rs-memusage')
 * const pids = [process.pid, ...Object.values(cluster.workers).map((worker) => worker.process.pid)]
 * pids.reduce((sum, pid) => sum + footprint(pid).pss, 0)
 * // 143654912
 */
export function footprint(pid?: number): Footprint

/** Resident memory in parts, in bytes. Their sum is the resident set size, exactly. */
export interface RssParts {
  /**
   * The node binary, shared libraries and addons: file-backed pages, copies made by writing, `.bss`. Most of it is
   * shared with other processes that run the same files ({@link footprint} tells).
   */
  code: number
  /** Code that V8 generated (its code ranges), and private executable memory of others. */
  jit: number
  /** JS heaps of all live isolates, with V8's read-only space, tables and C++ heap. */
  v8Heap: number
  /**
   * V8 pages of no live isolate, and pages that V8 does not count to the caller's heap any more: V8 keeps them for
   * reuse and gives them back later, some 8 to 20 seconds after a worker ended on Node 24 and 26.
   */
  v8Pool: number
  /**
   * The C allocator: arenas and chunks with a mapping of their own. Memory of `Buffer`s, `ArrayBuffer`s,
   * `SharedArrayBuffer`s and WebAssembly is in it.
   */
  nativeHeap: number
  /** Stacks of all threads, and stacks that glibc keeps for the next thread. */
  stacks: number
  /** Mapped files that are not code. */
  mappedFiles: number
  /** Shared memory: memfd, `/dev/shm`, System V, shared anonymous. */
  sharedMemory: number
  /**
   * Resident and not attributed: memory that carries no sign of its owner, such as a bare `mmap` of an addon, or a
   * resizable buffer that has grown to its maximum and is not on the books of {@link externalBuffers}.
   */
  other: number
}

/** How the figures of a {@link RssBreakdown} came about. */
export interface RssBreakdownMethod {
  /**
   * `'mincore'`: each page was asked for. `'pagemap'`: the page tables were read, because pages that were read and
   * never written would have been counted, or because `mincore` may not be called. `'smaps'`: the kernel has nothing
   * cheaper here; every thread that maps or unmaps memory waits while it is read.
   */
  residency: 'mincore' | 'pagemap' | 'smaps'
  /**
   * `'verified'`: pages belong to the isolate that their header leads to and whose spaces list them, and those of every
   * thread that loaded the package agree with V8's own words for it to 5 % or 2 MiB. `'estimated'`: they do not, or V8
   * could not be asked; what looks like a V8 page is in `v8Heap`. `'none'`: the engine is not V8.
   */
  v8: 'verified' | 'estimated' | 'none'
  /**
   * `'verified'`: glibc, whose headers mark its memory. `'estimated'`: another allocator, where private memory that
   * nothing else explains is taken for its own; or `unsettled` is not 0; or residency came from `smaps`, which tells no
   * single pages, so that headers may be out of sight. `'none'`: unknown.
   */
  malloc: 'verified' | 'estimated' | 'none'
  /**
   * Bytes that may stand in a wrong part, as a rule in `other`: the process mapped and unmapped memory during each of
   * eight readings. 0 where a reading met a quiet moment, which is nearly always.
   */
  unsettled: number
}

/** The C allocator in a {@link RssBreakdown}. Sizes are bytes. */
export interface NativeHeap {
  /** Resident bytes: `parts.nativeHeap`. */
  resident: number
  /**
   * Bytes the program holds: by the allocator's own word (glibc `malloc_info`, jemalloc `stats.allocated`), and what is
   * resident of native memory beside the allocator, as of buffers of {@link externalBuffers.allocate} and of
   * `WebAssembly.Memory`. `null` without `{ allocator: true }`, and where the allocator cannot tell (mimalloc, tcmalloc,
   * musl).
   */
  inUse: number | null
  /** Resident and free: what {@link trim} is expected to give back. `null` as `inUse`. */
  retained: number | null
  /** Arenas, a count; with glibc up to eight per core. `null` with another allocator, whose arenas are not known. */
  arenas: number | null
  /**
   * Resident bytes in arenas whose threads have all ended, workers above all. glibc keeps them for the next threads;
   * {@link trim} gives most of it back. `null` where it is not known which thread uses which arena.
   */
  deadArenas: number | null
  /** Which allocator serves `malloc`; `null` when it is none of those that are known by name. */
  allocator: 'glibc' | 'jemalloc' | 'mimalloc' | 'tcmalloc' | null
}

/** A piece of the address space with one owner. */
export interface RssRegion {
  /** First address. */
  start: number
  /** First address behind it. */
  end: number
  /** The part it is counted in. */
  part: keyof RssParts
  /**
   * Whose it is, as far as the memory itself tells: `isolate 0x…`, `thread 123`, `arena 0x…`, `main arena`,
   * `large chunks`, `growable buffer`, `v8`, … For people; the wording may change.
   */
  owner: string | null
  /** Resident bytes. */
  resident: number
  /** The mapped file, or the kernel's label such as `[heap]`. */
  name: string | null
}

/** What {@link rssBreakdown} returns. All sizes are bytes. */
export interface RssBreakdown {
  /**
   * Resident set size: the sum of `parts`, exactly. It agrees with the kernel's count of the same moment, which before Linux
   * 6.16 is late as {@link MemoryUsage.rss} says: on 6.1 and older a process of 45 MB showed up to 4 % less than `smaps`.
   */
  rss: number
  parts: RssParts
  nativeHeap: NativeHeap
  /** Memory of `ArrayBuffer`s in all threads. It is a share of `parts.nativeHeap`. */
  arrayBuffers: {
    /**
     * Bytes asked for, by Node's own counters, in which memory of {@link ExternalBuffers.allocate} is not; `null` while a
     * worker runs that never loaded this package.
     */
    committed: number | null
    /**
     * Bytes of the buffers on the books of {@link externalBuffers}, shared memory included. Each look checks up to 131,072
     * buffers below 256 KiB for dead ones, the next look goes on from there: with more than that, some that died since
     * may be counted for a few looks. {@link ExternalBuffers.usage} checks all of them.
     */
    tracked: number
    /** Resident bytes of those that are tracked, not of all; `null` while none is. */
    resident: number | null
  }
  /** Bytes in swap. They are in no part. `null` where the kernel does not tell. */
  swap: number | null
  /** Threads of the process, a count. */
  threads: number
  method: RssBreakdownMethod
  /**
   * Microseconds that the call took: the whole of a synchronous one; of an asynchronous one all but what the event loop took
   * to turn to the answer.
   */
  costMicros: number
  /** Every piece, in address order; only with `{ regions: true }`. */
  regions?: RssRegion[]
}

/** Options of {@link rssBreakdown}. */
export interface RssBreakdownOptions {
  /**
   * Milliseconds: a call that is predicted to take longer throws before any work is done. The prediction comes from RSS and
   * the number of regions, threads and buffers on the books, and from what the last call of the kind took in all.
   */
  budgetMs?: number
  /** Measure and list every single piece. */
  regions?: boolean
  /**
   * Ask the allocator for `inUse` and `retained`. It walks its free lists under its locks: 0.1 to 100 ms, while
   * threads that allocate wait.
   */
  allocator?: boolean
}

/**
 * Splits the resident memory of this process into parts that add up to RSS exactly, by giving every resident page
 * one owner.
 *
 * Source: `/proc/self/maps`, `mincore`, the page tables, and headers that V8 and malloc write into their memory.
 * Cost: 0.1 to 0.2 ms in a small process, about half a millisecond per GB of large buffers and 2 to 4 ms per GB of
 * small objects (benchmark/README.md). Other threads go on; none is asked.
 *
 * Linux only. Sharp edges: pages in swap are in `swap` and in no part; huge pages count whole; memory of hugetlbfs is
 * in no RSS of the kernel's and in no part. Other threads go on allocating during the look, so a part may be off by
 * what they do in that time.
 *
 * @throws `ERR_MEMUSAGE_OVER_BUDGET` with `predictedMs` and `budgetMs`; `ERR_MEMUSAGE_PROC_READ` and
 * `ERR_MEMUSAGE_PROC_PARSE` as {@link MemoryUsageFunction.rss}; `ERR_MEMUSAGE_UNSUPPORTED` on other systems
 * and where no addon is loaded;
 * `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` (an unknown option), `ERR_OUT_OF_RANGE`.
 *
 * @example
 * rssBreakdown().parts
 * // { code: 38604800, jit: 49152, v8Heap: 3678208, v8Pool: 0, nativeHeap: 2912256,
 * //   stacks: 253952, mappedFiles: 0, sharedMemory: 0, other: 32768 }
 */
export function rssBreakdown(options?: RssBreakdownOptions): RssBreakdown

/** `AbortSignal` where the types of Node or of browsers are known, what tells one elsewhere. */
type Signal = typeof globalThis extends { AbortSignal: { prototype: infer S } }
  ? S
  : { readonly aborted: boolean }

/**
 * {@link rssBreakdown} on a thread of the package's own, as {@link workerRssAsync}: the event loop goes on, and libuv's
 * pool is left alone. V8's own figure is taken at the call.
 *
 * An aborted `signal` rejects with its reason at once; work that has begun goes on to its end unseen.
 */
export function rssBreakdownAsync(options?: RssBreakdownOptions & { signal?: Signal }): Promise<RssBreakdown>

/**
 * One thread in a {@link WorkerRss}. Sizes are bytes; `rss` and what it is made of are resident pages, measured at the
 * call, whatever the thread is doing.
 */
export interface ThreadRss {
  /**
   * `threadId` of `node:worker_threads`; 0 is the main thread, whether that loaded the package or not. `null` for runtime
   * threads, and for a worker that never loaded the package where it cannot be told which one it is. One that ends while
   * the call waits keeps its number.
   */
  threadId: number | null
  /**
   * The name that the worker was given, where this Node tells it (`threadName`, from 22.20 and 24.6 on), otherwise the
   * name that the kernel knows (`node`, `WorkerThread`, `V8Worker`, …).
   */
  name: string | null
  /**
   * `'main'`: the first thread. `'worker'`: it runs JavaScript. `'runtime'`: any other, of libuv's pool, of V8's
   * platform, of the inspector or of an addon.
   */
  kind: 'main' | 'worker' | 'runtime'
  /** What the thread owns: `v8Heap + jit + stack + nativeHeap`, where `null` counts nothing. */
  rss: number
  /**
   * Pages of its JS heap, by their headers. Pages that V8 has freed and keeps for reuse are among them until it gives
   * them back. `null` where the pages of isolates cannot be told apart (`method.v8` then is not `'verified'`).
   */
  v8Heap: number | null
  /**
   * Code that V8 generated for it; `null` for a worker that never loaded the package, and where V8 could not be asked: it
   * is in `shared` then.
   */
  jit: number | null
  /** Its stack. */
  stack: number
  /**
   * Its arena of the C allocator, and its part of the allocations that are large enough for a mapping of their own:
   * an estimate, bounded by what V8 knows to be its own, unless `method.largeAllocations` is `'searched'`. An arena
   * that several threads use is in `shared`. What an arena holds is on the bill of its thread, whoever asked for it, so
   * that buffers which an addon made on libuv's threads are on the bills of these; with `deep: true` every
   * `ArrayBuffer` is on that of the thread that holds it. With another allocator than glibc (on musl as a rule) what its
   * buffers on the books of {@link externalBuffers} have in memory, with `deep: true` what all of its buffers have, and
   * `null` where that is nothing.
   */
  nativeHeap: number | null
  /**
   * Of `nativeHeap`, memory that is known to be its `ArrayBuffer`s': those on the books of {@link externalBuffers}, where
   * one that was transferred stays with the thread that allocated or tracked it last, and `null` where it has none
   * there. With `deep: true` it is all of them, of any size, in any thread's arena, on the books or not, on the bill of
   * the thread that holds them now. What was dropped counts until V8 has collected it. A large one, which has a mapping of
   * its own, counts with malloc's header and with the rest of its last page.
   */
  arrayBuffers: number | null
  /** V8's own word for its isolate, `used_heap_size`; `null` where V8 could not be asked. So are the next three. */
  heapUsed: number | null
  /** `total_heap_size` */
  heapTotal: number | null
  /** `heap_size_limit` */
  heapLimit: number | null
  /** `external_memory`: what was asked for, not what is resident. */
  external: number | null
  /**
   * Of `external`, the bytes that nothing on this thread's bill explains: `external` less `nativeHeap`, and less what of
   * its known buffers is not in memory (those on the books of {@link externalBuffers}, with `deep: true` all); 0 where
   * that is negative. They lie in the arenas of other threads (what sharp or crypto made on libuv's), in `shared`, or
   * were never touched; `deep: true` finds them. A bound from below: whatever else is in `nativeHeap` explains as much.
   * One or two MB that stay with `deep` are no buffers, but what else V8 counts. `null` where `external` or `nativeHeap`
   * is.
   */
  externalElsewhere: number | null
  /** Milliseconds since V8 said so; 0 when it answered this call. `null` where it never did. */
  ageMs: number | null
  /**
   * What the thread was doing when the call began. `'running'`: on a processor, or ready to be. `'idle'`: its event loop
   * waits. `'blocked'`: it waits for something else, as in `Atomics.wait`, `execSync` or a lock. `'unregistered'`: it
   * runs JavaScript and never loaded the package, or is just about to end. `null`: a runtime thread, or the kernel does
   * not tell.
   */
  state: 'running' | 'idle' | 'blocked' | 'unregistered' | null
  method: ThreadRssMethod
}

/** How the figures of a {@link ThreadRss} came about. */
export interface ThreadRssMethod {
  /**
   * `'verified'`: the pages on the bill are in the lists of this isolate's spaces, and no fewer than V8 said last that
   * it has committed for it (`heapTotal`, as old as `ageMs`), within 5 % or 2 MiB. The caller's own agree with its
   * `total_physical_size`. `'estimated'`: they do not agree, or the lists could not be read and the heap may have pages
   * of an isolate that ended. `'none'`: there is no word to compare them with, as for a worker that never loaded the
   * package, or no heap.
   */
  v8Heap: 'verified' | 'estimated' | 'none'
}

/** Resident memory that no single thread owns, in bytes. The sum is {@link WorkerRss.shared}. */
export interface SharedParts {
  /** Program, libraries and addons, as in {@link RssParts}. */
  code: number
  /** Generated code of workers that never loaded the package. */
  jit: number
  /** V8's read-only space, its tables and its C++ heap. */
  v8Heap: number
  /** V8 pages of no live isolate, as after workers ended: V8 gives them back some seconds later. */
  v8Pool: number
  /** Stacks that glibc keeps for the next thread. */
  stacks: number
  /** Arenas that several threads allocate from: glibc makes eight per core, and more threads than that share them. */
  sharedArenas: number
  /** Arenas whose threads have all ended: {@link trim} gives most of it back. */
  deadArenas: number
  /** Allocations with a mapping of their own that are nobody's: no heap points at them, or several do. */
  largeAllocations: number
  /** The rest of the C allocator's memory. With another one than glibc's, all of it that is on no thread's bill. */
  nativeHeap: number
  /** Mapped files that are not code. */
  mappedFiles: number
  /** Shared memory. */
  sharedMemory: number
  /** Resident and not attributed. */
  other: number
}

/** How the figures of a {@link WorkerRss} came about. */
export interface WorkerRssMethod extends RssBreakdownMethod {
  /**
   * `'verified'`: the arena of every thread is known. `'estimated'`: those of registered threads alone, so that an
   * arena on a thread's bill may have other users, and one in `deadArenas` a live one.
   */
  arenas: 'verified' | 'estimated'
  /**
   * `'searched'`: by the objects of all buffers in all heaps. `'estimated'`: each thread is given as much of the large
   * allocations as V8 knows to be its own, less what its arena explains; where that is more than there is, all are cut
   * alike. So it is with `deep`, too, where V8 lays out its buffers in a way that is not understood.
   */
  largeAllocations: 'searched' | 'estimated'
  /** Bytes of heap that were searched; `null` where `largeAllocations` is an estimate. */
  searchedBytes: number | null
}

/** What {@link workerRss} returns. Sizes are bytes. */
export interface WorkerRss {
  /** Resident set size of the process: `shared` and the `rss` of all threads, exactly. */
  rss: number
  /** What no single thread owns. */
  shared: number
  /** The same in parts. */
  sharedParts: SharedParts
  /**
   * Bytes that addons declared to hold (`include/rs_memusage.h`): what they say, not what is resident. It says how much of
   * `sharedParts.largeAllocations`, or of the arena of a thread, has a known holder; it is no part of the sum.
   */
  declared: number
  /** All threads. */
  threads: ThreadRss[]
  method: WorkerRssMethod
  /**
   * Microseconds that the call took, waiting included: the whole of a synchronous one; of an asynchronous one all but what
   * the event loop took to turn to the answer.
   */
  costMicros: number
}

/** Options of {@link workerRss}. */
export interface WorkerRssOptions {
  /**
   * Milliseconds to wait for V8's own words about other threads, from the call on; 0 by default. They are asked for at
   * every call, and arrive when the thread next turns to its event loop or passes a loop in its JavaScript. A thread
   * that is blocked in native code answers when it returns: nobody waits longer than this for it.
   */
  waitMs?: number
  /**
   * Search all JS heaps for the objects of buffers: the memory of each then is on the bill of the thread whose
   * `ArrayBuffer` it is, of whatever size, in whichever arena, also after a transfer. It reads every resident page of
   * every heap and, where there are many small buffers, of what malloc keeps beside them (benchmark/README.md has the
   * cost per GB). What an addon allocated for itself is in no such object and stays where it is; the memory of a
   * `SharedArrayBuffer` that several threads hold is in `shared`. Other threads are not stopped meanwhile: an object that
   * V8 is moving at that moment may be missed, and its memory then stays with whoever allocated it.
   */
  deep?: boolean
  /** Milliseconds: a call that is predicted to take longer throws before any work is done. Waiting does not count. */
  budgetMs?: number
}

/** The type of {@link workerRss}. */
export interface WorkerRssFunction {
  (options?: WorkerRssOptions): WorkerRss

  /** The entry of the calling thread, at the cost of a whole look. `null` where the threads of the process are unknown. */
  self(): ThreadRss | null
}

/**
 * Which thread owns which resident memory. Synchronous, from any thread, also about threads that are busy or blocked.
 *
 * Resident set size belongs to a process: its threads share one address space, and no worker has an RSS of its own.
 * What can be told is whose the resident pages are: those of a worker's JS heap, of its stack, of its allocator's
 * arena. Program code and what several threads use is nobody's, and in `shared`.
 *
 * A worker takes part when the package is loaded in it: by `require`, or in all workers at once by `node --require
 * rs-memusage/register`. Others are listed by what the system tells: their pages are measured all the same; V8's words
 * come through Node, from 22 on and if the caller started them, at the next call.
 *
 * Source: as {@link rssBreakdown}, with thread-local variables of V8 and glibc, `/proc/self/task`, and V8's heap
 * statistics, taken on each thread at the end of every garbage collection and when Node interrupts it for this call.
 * Cost: that of {@link rssBreakdown}, and about 20 µs a thread.
 *
 * @throws as {@link rssBreakdown}.
 *
 * @example
 * const fattest = workerRss({ waitMs: 50 }).threads.reduce((a, b) => (b.rss > a.rss ? b : a))
 */
export const workerRss: WorkerRssFunction

/**
 * {@link workerRss} with the page work, and the wait, on a thread of the package's own: it is started at the first such
 * call, serves all threads of the process, one look after the other, and is listed as the runtime thread `rs-memusage`.
 * libuv's pool is left alone. Workers that never loaded the package are waited for as well.
 *
 * An aborted `signal` rejects with its reason at once, and ends the wait; a look that has begun goes on to its end
 * unseen. A pending call keeps the process alive, and a worker that is terminated meanwhile does not wait for it.
 */
export function workerRssAsync(options?: WorkerRssOptions & { signal?: Signal }): Promise<WorkerRss>

/** What {@link trim} returns. Sizes are bytes. */
export interface TrimResult {
  /** Resident set size before; `null` where the allocator has no way to give memory back and nothing was tried. */
  before: number | null
  /** Resident set size after; `null` as above. */
  after: number | null
  /**
   * What left the resident set: `before - after`, and 0 when other threads took more meanwhile than the allocator
   * gave back. `null` as above.
   */
  released: number | null
  /** The C allocator of this process: the one that `malloc` leads to. `null`: another, or a platform without support. */
  allocator: 'glibc' | 'jemalloc' | 'mimalloc' | 'tcmalloc' | null
}

/**
 * Has the C allocator give its free memory back to the system. Nothing that is in use is touched, and the memory
 * comes back, at the price of page faults, when it is needed again. JS heaps are not the allocator's: V8 shrinks
 * them by itself.
 *
 * Source: `malloc_trim(0)` of glibc, `arena.<all>.purge` of jemalloc 5, `mi_collect(true)` of mimalloc; what they
 * did is measured by `memoryUsage.rss()` before and after.
 *
 * Cost: 0.1 to 200 ms, more the more free memory there is. The call is synchronous and locks the allocator's
 * arenas one after the other: other threads that allocate from the same one wait. Call it after a burst or when
 * workers have ended, not on a timer.
 *
 * What stays although it is free: pieces smaller than a page between pieces in use; in glibc also the chunk at the
 * end of a thread's arena, and small pieces in the caches of threads. mimalloc reaches the memory of the calling
 * thread and of threads that ended, not that of other live ones, such as Node's thread pool. On musl with its own
 * allocator, macOS, Windows and with tcmalloc nothing can be done, and the fields are `null`.
 *
 * @throws as {@link MemoryUsageFunction.rss}.
 *
 * @example
 * const { trim } = require('rs-memusage')
 * trim()
 * // { before: 131072000, after: 71303168, released: 59768832, allocator: 'glibc' }
 */
export function trim(): TrimResult

/** What {@link ExternalBuffers.track} follows and {@link ExternalBuffers.release} takes. */
export type AnyBuffer = ArrayBuffer | SharedArrayBuffer | ArrayBufferView

/** A count of buffers and the sum of their sizes. */
export interface BufferAmount {
  count: number
  /** Bytes asked for. */
  bytes: number
}

/** Buffers with one label. */
export interface LabelledBuffers extends BufferAmount {
  /** Resident bytes of those whose pages can be measured; `null` where none can. */
  resident: number | null
  /** Milliseconds since the oldest of them came onto the books. */
  oldestMs: number
}

/** Buffers of one thread. */
export interface ThreadBuffers extends BufferAmount {
  /**
   * `threadId` of `node:worker_threads`: the thread that allocated the buffers or tracked them last. `null`: that
   * thread has ended, and the memory lives on in one that is not known; or it was declared by native code.
   */
  threadId: number | null
  /** As {@link LabelledBuffers.resident}. */
  resident: number | null
}

/** What {@link ExternalBuffers.usage} returns. All sizes are bytes. */
export interface ExternalBuffersUsage extends BufferAmount {
  /**
   * Bytes of those in memory now, by their pages; of a page that a buffer shares with others, its own part. Memory
   * that an addon declared has no address and is not in it. `null` where nothing can be measured.
   *
   * Pages that were read and never written count, although the kernel has one page of zeros for all of them.
   */
  resident: number | null
  /**
   * The most that was held at once. With fewer than 64 buffers it is exact; with more, what came and went between two
   * looks may be missed where it was less than a quarter above the peak known before.
   */
  peakBytes: number
  /** All that ever came onto the books, growth of resizable buffers included. */
  allocated: BufferAmount
  /** What has left them: `allocated` less what is there. */
  freed: BufferAmount
  /** By label; buffers without one are under `unlabelled`. */
  labels: Record<string, LabelledBuffers>
  /** By thread, largest first. */
  threads: ThreadBuffers[]
  /**
   * How buffers of the calling thread are followed. `'backing-store'`: by the count of uses of the memory itself,
   * through symbols that the node binary exports, tried out at first use: what is dead is off the books at once.
   * `'finalizer'`: by a `FinalizationRegistry`, on other engines and with `RS_MEMUSAGE_NO_V8=1`: an entry goes when
   * its finalizer has run, a resize is seen when the buffer is tracked again, and memory that is transferred leaves
   * the books with its old `ArrayBuffer` unless the receiver tracks it. Where no addon is loaded the books are those of
   * the calling thread alone.
   */
  method: 'backing-store' | 'finalizer'
}

/** An entry of {@link ExternalBuffers.list}. */
export interface ExternalBuffer {
  label: string
  /** Bytes now: resizable and growable buffers, and WebAssembly memories, are followed. */
  bytes: number
  /** As {@link ExternalBuffersUsage.resident}; `null` for what an addon declared. */
  resident: number | null
  /** Milliseconds on the books, by a clock that moves every few milliseconds. */
  ageMs: number
  /** As {@link ThreadBuffers.threadId}. */
  threadId: number | null
  /** `'allocated'` by us, `'tracked'`, or `'declared'` by an addon through `include/rs_memusage.h`. */
  source: 'allocated' | 'tracked' | 'declared'
  /**
   * Where it was allocated, a frame a line, when a {@link ExternalBuffers.profile} was running in the thread that asks:
   * for buffers of {@link ExternalBuffers.allocate} always, for tracked ones if the profile had sampled them. Otherwise
   * `null`. It stays when the profile stops, and goes with the buffer.
   */
  stack: string | null
}

/** `Buffer` where the types of Node are known, what it extends elsewhere. */
type NodeBuffer = typeof globalThis extends { Buffer: { alloc(size: number): infer B } } ? B : Uint8Array

/** What `using` asks for, where TypeScript knows it. */
type Releasing = SymbolConstructor extends { readonly dispose: infer D extends symbol }
  ? Record<D, () => void>
  : unknown

/** A `Buffer` that {@link ExternalBuffers.allocate} made. */
export type AllocatedBuffer = NodeBuffer & Releasing

/** The type of {@link externalBuffers}. */
export interface ExternalBuffers {
  /**
   * A `Buffer` of zeros in memory of its own, on the books until it is released or collected. From 64 KiB on the
   * memory is a mapping, which occupies nothing until it is touched and goes back to the system as soon as it is freed.
   * Where the system gives huge pages to everybody (`transparent_hugepage/enabled` is `always`), a touch of what is larger
   * than a megabyte takes 2 MB, as with `Buffer.alloc()`. V8 counts it as external memory, so its garbage collector feels it; `process.memoryUsage().arrayBuffers` does not,
   * for that is what Node's own allocator made. The buffer may be transferred to other
   * threads: the memory is freed when the last one lets go, or released by whoever has it then. Where `Symbol.dispose`
   * exists, `using` releases it.
   *
   * Engines whose backing stores are not known (`method: 'finalizer'`) allocate the memory themselves, and once it is
   * transferred nobody can release it any more.
   *
   * @param size Bytes, from 0 to `buffer.constants.MAX_LENGTH`.
   *
   * @throws `ERR_INVALID_ARG_TYPE`, `ERR_OUT_OF_RANGE`, `ERR_INVALID_ARG_VALUE`; `RangeError`
   * `ERR_MEMORY_ALLOCATION_FAILED` when there is no memory left.
   *
   * @example
   * const tile = externalBuffers.allocate(4 * 1024 * 1024, { label: 'tiles' })
   * // …
   * externalBuffers.release(tile)
   */
  allocate(size: number, options?: BufferLabel): AllocatedBuffer

  /**
   * Frees memory of {@link allocate} before it returns. The buffer and all views of it have length 0 from then on. From
   * 64 KiB on the pages go back to the system at once, also where the process has as many mappings as it may have: then
   * only the addresses stay, for the next buffer of that size.
   *
   * Nothing may be using the memory: as with any detached buffer, an asynchronous call that was given it (`fs`, `zlib`,
   * `crypto`) must have ended.
   *
   * @param buffer The buffer, or any view of its memory.
   *
   * @throws `ERR_INVALID_STATE` when it was released or transferred before; `ERR_INVALID_ARG_VALUE` when its memory
   * did not come from {@link allocate}; `ERR_INVALID_ARG_TYPE`.
   */
  release(buffer: AnyBuffer): void

  /**
   * Puts the memory behind a buffer on the books until it dies, and returns the buffer. Views, slices and the pool of
   * small `Buffer`s are one entry with the whole memory behind them. It follows transfers, resizing, and the growth of
   * WebAssembly memories. What is copied is not followed: `slice()`, `structuredClone()`, and `transfer()` where the
   * engine copies (another length, or a resizable buffer).
   *
   * Tracked again, an entry belongs to the calling thread and has the label that was given last. An empty buffer has no
   * memory and makes no entry.
   *
   * Cost: 0.2 to 0.4 µs, without a callback when it dies.
   *
   * @throws `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`; `ERR_INVALID_STATE` for a detached buffer.
   */
  track<T extends AnyBuffer>(value: T, options?: BufferLabel): T

  /**
   * All buffers of the process: what was allocated or tracked in any thread, or declared by an addon.
   *
   * Cost: about 0.3 µs per buffer and 0.3 ms per GB: the kernel is asked about every page.
   */
  usage(): ExternalBuffersUsage

  /**
   * Live entries, largest first. What is older than the longest request, by its label, is a leak.
   *
   * @throws `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`, `ERR_OUT_OF_RANGE`.
   *
   * @example
   * externalBuffers.list({ olderThanMs: 60_000, top: 1 })
   * // [{ label: 'thumbnails', bytes: 8388608, resident: 8388608, ageMs: 91244, threadId: 0,
   * //    source: 'allocated', stack: null }]
   */
  list(options?: {
    /** Only buffers with this label. */
    label?: string
    /** Only buffers that have been on the books for longer, in milliseconds. */
    olderThanMs?: number
    /** Only so many, the largest. Only these are measured. */
    top?: number
  }): ExternalBuffer[]

  /** Where buffers are allocated: a sampling profile of the calling thread. */
  readonly profile: BufferProfiler

  /**
   * Bytes outside the heap that V8 counts for the calling thread and that are not on its books; never below 0.
   * Committed bytes, not resident ones.
   *
   * Source: `napi_adjust_external_memory(0)`: `ArrayBuffer`s, WebAssembly memories, strings outside the heap, and what
   * addons declared to V8; Node's own buffers are in it. Shared memory is on no thread's bill. V8 brings the count up
   * to date at the next allocation of a buffer or garbage collection; until then what was just collected is in it.
   */
  unaccounted(): number
}

/** How a buffer is named on the books. */
export interface BufferLabel {
  /**
   * The kind of buffer. Use few: labels are kept for the life of the process.
   */
  label?: string
}

/**
 * Who holds memory outside the JS heap, how much of it is resident, and what never came back: one set of books for all
 * threads of the process.
 */
export const externalBuffers: ExternalBuffers

/** Options of {@link BufferProfiler.start}. */
export interface BufferProfileOptions {
  /**
   * Bytes from one sample to the next on average, 524288 by default. The figure of a site that holds B bytes is off
   * by about `1 / sqrt(B / sampleBytes)` (standard error; less where single buffers are larger than this).
   */
  sampleBytes?: number
  /**
   * The most of the thread's time that may go into samples, above 0 and up to 1. Where it would be more, samples are
   * taken further apart; estimates stay right on average. 0.02 by default; 1, which changes nothing, where `sampleBytes`
   * is given.
   *
   * The first 120 ms of samples are free, so that a short profile is as fine as was asked for.
   */
  maxTimeShare?: number
}

/** How a profile took its samples. */
export interface BufferSampling {
  /** Samples taken, of buffers that died too. */
  samples: number
  /**
   * The longest distance between samples that was in force, in bytes on average: `sampleBytes` unless time was short.
   * The rate was anywhere between the two.
   */
  coarsestSampleBytes: number
  /**
   * What samples took of the time from start to stop, of 1; `null` when no time passed. What an allocation costs that is
   * not sampled is not in it (20 to 60 ns each), nor what samples cost afterwards by the caches that they filled.
   */
  timeShare: number | null
  /** What was allowed. */
  maxTimeShare: number
}

/** How much of the memory that came a profile saw. All of the calling thread. */
export interface BufferCoverage {
  /** Bytes of all allocations that the profile was told of, dead ones and shared memory too. Counted, not estimated. */
  watchedBytes: number
  /** What of those was alive at the stop, without shared memory, which V8 counts for no thread. Estimated. */
  liveBytes: number
  /**
   * `external_memory` of `v8.getHeapStatistics()` at the stop less that at the start: what native code allocated is in
   * it, and what was not collected yet; what was there before and was freed meanwhile is taken off, so that it may be
   * below 0. `null` where the engine is not V8.
   */
  externalGrowthBytes: number | null
  /**
   * `liveBytes` as part of `externalGrowthBytes`: 0.01 says that nearly all that came was allocated where a profile
   * cannot look, and that its sites are not the answer. Around 1 it saw all; above 1 memory from before was freed. `null`
   * where external memory did not grow.
   */
  share: number | null
}

/** One place that allocated, reached in one way. */
export interface BufferSite {
  /** Live bytes, estimated from the samples. */
  bytes: number
  /** Live buffers, estimated from the samples. */
  count: number
  /**
   * The calls that led there, the allocating function first: `name (path:line:column)`. Where the process runs with
   * `--enable-source-maps`, these are places in the sources; names are those that V8 gives.
   */
  stack: string[]
}

/** A node of a {@link HeapProfile}. */
export interface HeapProfileNode {
  callFrame: {
    functionName: string
    scriptId: string
    /** A URL, or '' for functions of V8's own. */
    url: string
    /** Counts from 0; -1 where there is none. */
    lineNumber: number
    /** Counts from 0; -1 where there is none. */
    columnNumber: number
  }
  /** Live bytes allocated here and not in what was called from here. */
  selfSize: number
  id: number
  children: HeapProfileNode[]
}

/** What Chrome DevTools opens as `.heapprofile`: `HeapProfiler.SamplingHeapProfile` of its protocol. */
export interface HeapProfile {
  head: HeapProfileNode
  samples: { size: number; nodeId: number; ordinal: number }[]
}

/** What {@link BufferProfiler.stop} returns: who allocated the buffers that were alive then. It does not change. */
export interface BufferProfile {
  /** Bytes from one sample to the next on average, as asked for. */
  readonly sampleBytes: number
  /** How samples were taken in truth. */
  readonly sampling: BufferSampling
  /** How much of the memory that came is in the sites. */
  readonly coverage: BufferCoverage
  /** Milliseconds from start to stop. */
  readonly durationMs: number
  /** Live bytes of all sites together, estimated. */
  readonly liveBytes: number
  /** Sites of live memory, the largest first. */
  readonly sites: BufferSite[]
  /** For Chrome DevTools (Memory, Load profile), speedscope and others. */
  toHeapProfile(): HeapProfile
  /** For `pprof` and `go tool pprof`: `profile.proto` in gzip, with `inuse_space` and `inuse_objects`. */
  toPprof(): NodeBuffer
  /** For flame graphs: a line `frame;frame bytes` for each site, the outermost frame first. */
  toFolded(): string
  /**
   * Writes a file in the format that its ending names: `.heapprofile`, `.pb.gz`, or `.folded` and `.txt` for folded
   * stacks.
   *
   * @throws `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` for another ending, and what `fs.writeFileSync` throws.
   */
  save(path: string): void
}

/**
 * Tells which code allocated the buffers that are alive: a sampled profile of all `ArrayBuffer`s,
 * `SharedArrayBuffer`s, typed arrays and `Buffer`s that JavaScript makes in this thread.
 *
 * How: while it runs, the constructors, `Buffer`'s static methods and what else allocates are replaced by functions
 * that count bytes; {@link stop} puts the very same functions back. Each allocation is sampled with a probability
 * that grows with its size (a Poisson process along the bytes, as in V8's and Go's heap profiles); of a sample the
 * stack is taken, up to 64 frames with those of awaiting async functions, and the buffer is watched without being
 * kept alive.
 *
 * Cost: 5 to 60 µs a sample, nearly all of it V8's walk over the stack, and 20 to 60 ns for every allocation or view
 * (benchmark/README.md). Samples take `maxTimeShare` of the time at most. `instanceof` and slices of typed arrays are slower while it runs. V8 forgets for good a short cut for
 * `slice()` and `subarray()` of typed arrays, some 20 ns a call, as soon as it has run once; those of `Buffer` do not
 * use it.
 *
 * Sharp edges:
 * - Seen is what is allocated after {@link start}. Start before modules are loaded that keep constructors in
 *   variables or extend them: what such code makes with the originals is not seen, and what is made in other realms
 *   (`node:vm`) is not either: {@link BufferProfile.coverage} tells. Where the package is loaded inside of such a realm,
 *   as by jest and vitest, that is the one which is watched. While it runs, `Uint8Array` and the others are not the objects that such code kept; a
 *   class that extends one of them meanwhile goes on to work afterwards.
 * - Not seen is what native code allocates: bodies of incoming HTTP requests, what sockets read, results of `crypto`,
 *   `TextEncoder`, `structuredClone`, `Response.arrayBuffer()` and addons, WebAssembly memories. What Node's own
 *   JavaScript gets from `Buffer`, as `fs.readFile` and `zlib` do, is seen.
 * - Memory counts as long as its buffer was not collected: collect garbage before {@link stop} to see what really is
 *   held. A buffer that was transferred to another thread, or is detached otherwise, is no longer this thread's; one
 *   moved by `transfer()` stays with its site.
 * - Small Buffers are pieces of a slab (`Buffer.poolSize`), which is on the bill of the call that began it and lives
 *   as long as any of them.
 * - A resizable buffer counts at its size, not at the maximum; what `resize()` and `grow()` add has a site of its own.
 * - Bytes that a `SharedArrayBuffer` gains by `grow()` in another thread are not seen.
 */
export interface BufferProfiler {
  /**
   * Starts the profile of this thread.
   *
   * @throws `ERR_INVALID_STATE` when one is running, or where built-in objects are frozen; `ERR_INVALID_ARG_TYPE`,
   * `ERR_INVALID_ARG_VALUE` (an unknown option), `ERR_OUT_OF_RANGE` (`sampleBytes` must be an integer from 1,
   * `maxTimeShare` above 0 and up to 1).
   */
  start(options?: BufferProfileOptions): void

  /**
   * Ends the profile of this thread and gives what is alive.
   *
   * @throws `ERR_INVALID_STATE` when none is running.
   *
   * @example
   * const { externalBuffers } = require('rs-memusage')
   * externalBuffers.profile.start()
   * await work()
   * const profile = externalBuffers.profile.stop()
   * profile.sites[0]
   * // { bytes: 268435456, count: 64, stack: ['readImage (/app/images.js:12:18)', ...] }
   * profile.save('buffers.heapprofile')
   */
  stop(): BufferProfile

  /**
   * Starts a profile in every thread that loaded the package, and in those that load it later, as they do. A thread
   * that takes one of its own keeps that.
   *
   * A thread begins once the JavaScript that it is running has ended; one that has not answered after `waitMs` is
   * `'unreached'`, and begins as soon as it can. Nothing is kept open for this, in no thread.
   *
   * @throws (by rejecting) as {@link start}; `ERR_INVALID_STATE` when a profile of all threads is running.
   */
  startAll(options?: BufferProfileOptions & ThreadsProfileOptions): Promise<{ threads: ProfiledThread[] }>

  /**
   * Ends what {@link startAll} started, from any thread, and gives what is alive in all threads. What a thread held that
   * has ended meanwhile went with it.
   *
   * @throws (by rejecting) `ERR_INVALID_STATE` when no profile of all threads is running; `ERR_INVALID_ARG_TYPE`,
   * `ERR_INVALID_ARG_VALUE`, `ERR_OUT_OF_RANGE`.
   *
   * @example
   * await externalBuffers.profile.startAll()
   * await work()
   * const profile = await externalBuffers.profile.stopAll()
   * profile.sites[0].stack.at(-1) // 'worker 3 (images)'
   * profile.threads.filter(({ outcome }) => outcome !== 'stopped') // what is missing in it
   */
  stopAll(options?: ThreadsProfileOptions): Promise<ThreadsProfile>
}

/** Options of {@link BufferProfiler.startAll} and {@link BufferProfiler.stopAll}. */
export interface ThreadsProfileOptions {
  /** How long to wait for threads that are busy, in milliseconds; 1000 by default. The process stays alive meanwhile. */
  waitMs?: number
}

/** What came of a profile of all threads in one of them. */
export interface ProfiledThread {
  threadId: number
  name: string | null
  /**
   * - `'started'`, `'stopped'`: done.
   * - `'has its own'`: it takes a profile that it started for itself, which goes on.
   * - `'not running'`: there was none of {@link BufferProfiler.startAll} to stop.
   * - `'unreached'`: it did not answer within `waitMs`, or cannot be told, where V8's symbols are not used. It starts or
   *   stops as soon as it can; what it held is in no profile.
   * - `'ended'`: it ended meanwhile.
   * - `'unregistered'`: a worker of the calling thread that never loaded the package.
   * - `'failed'`: `error` says why.
   */
  outcome:
    | 'started'
    | 'stopped'
    | 'has its own'
    | 'not running'
    | 'unreached'
    | 'ended'
    | 'unregistered'
    | 'failed'
  /** Why it failed; otherwise `null`. */
  error: string | null
}

/**
 * The profiles of all threads in one: the outermost frame of each stack is its thread, `main thread` or `worker 3
 * (name)`. `sampling` and `coverage` are sums, and the worst of what does not add up.
 */
export interface ThreadsProfile extends BufferProfile {
  /** What came of it in each thread, in the order of their numbers. */
  readonly threads: (ProfiledThread & {
    /** That thread's own; `null` where it did not stop one. */
    profile: BufferProfile | null
  })[]
}
