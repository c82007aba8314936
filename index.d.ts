// Types of rs-memusage, written by hand and tested in __test__/types.test-d.ts. Every size is in bytes.

/** What {@link memoryUsage} returns. All figures are bytes. */
export interface MemoryUsage {
  /**
   * Resident set size of the whole process: every page of it that is in memory now. All threads share it.
   *
   * Source: `/proc/self/statm`, exact to the page on Linux 6.16 and later; older kernels may lag by some pages
   * per CPU or thread.
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

/** Which way {@link memoryUsage} takes in this thread; decided when the package is loaded. */
export interface MemoryUsageMethod {
  /** `'statm'`: the addon reads the kernel's count. `'node'`: the platform is not supported, Node is asked. */
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
 * `ERR_MEMUSAGE_UNSUPPORTED` on a platform without such a file.
 *
 * @example
 * const cluster = require('node:cluster')
 * const { footprint } = require('rs-memusage')
 * const pids = [process.pid, ...Object.values(cluster.workers).map((worker) => worker.process.pid)]
 * pids.reduce((sum, pid) => sum + footprint(pid).pss, 0)
 * // 143654912
 */
export function footprint(pid?: number): Footprint
