// Checked by `tsc --noEmit`: what compiles here is what users can write, and each expected error must be one.

import { type Footprint, footprint, type MemoryUsage, memoryUsage } from 'rs-memusage'

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

// @ts-expect-error the peak may be unknown
const certain: number = memoryUsage.peakRss()
// @ts-expect-error there is no such figure
usage.heapFree
// @ts-expect-error the method is decided at load
memoryUsage.method.v8 = 'none'
// @ts-expect-error a process is named by its number
footprint('1')

export { certain, figures, own, peak, pss, reset, resident, swap, uss, way }
