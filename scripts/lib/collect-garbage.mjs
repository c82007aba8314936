// Garbage collection for scripts that are not started with --expose-gc.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc')

/** Collects twice: the first collection only makes some of the garbage, such as what finalizers held. */
export function collectGarbage() {
  gc()
  gc()
}
