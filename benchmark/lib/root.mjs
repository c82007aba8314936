import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The directory of the package. */
export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
