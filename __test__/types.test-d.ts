// Checked by `tsc --noEmit`: what compiles here is what users can write, and each expected error must be one.

import { type MemoryUsage, memoryUsage } from 'rs-memusage'

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

process.memoryUsage = memoryUsage

// @ts-expect-error the peak may be unknown
const certain: number = memoryUsage.peakRss()
// @ts-expect-error there is no such figure
usage.heapFree
// @ts-expect-error the method is decided at load
memoryUsage.method.v8 = 'none'

export { certain, figures, peak, reset, resident, way }
