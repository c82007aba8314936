// A machine in emulation: KVM is seldom there where this runs.

import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { debianPackages } from '../lib/fetched.mjs'

const MEMORY_MIB = 4096
const PROCESSORS = 2
const MACHINES = {
  x64: {
    program: () => 'qemu-system-x86_64',
    // Without the flags by which a processor says that it copies and clears bytes as fast as words: kernel and libc would
    // take it at its word, and the emulator goes byte by byte. Each system call that takes a page would cost ten times as
    // much.
    options: ['-cpu', 'max,erms=off,fsrm=off'],
    console: 'ttyS0',
  },
  arm64: {
    program: fetchedEmulator,
    // Addresses of 52 bits are more than kernels before 5.12 start with. Return addresses are signed by a sum of the
    // emulator's own, which is cheaper than that of the standard.
    options: ['-machine', 'virt', '-cpu', 'max,lpa2=off,pauth-impdef=on'],
    console: 'ttyAMA0',
  },
}

/**
 * Boots a kernel with a file system made of archives and waits until it powers off. Gives what it printed, and whether
 * it came to its end in time.
 */
export async function boot({ arch, kernel, archives, seconds, cache, show }) {
  const initrd = join(cache, 'initrd.gz')
  writeFileSync(initrd, Buffer.concat(archives.flatMap(padded)))
  const { program, options, console } = MACHINES[arch]
  const args = [
    ...[...options, '-accel', 'tcg,thread=multi', '-m', `${MEMORY_MIB}`, '-smp', `${PROCESSORS}`],
    ...['-kernel', kernel, '-initrd', initrd, '-append', `console=${console} quiet panic=1`],
    ...['-display', 'none', '-monitor', 'none', '-serial', 'stdio', '-no-reboot', '-nic', 'none'],
  ]
  const machine = spawn('nice', ['-n', '5', program(cache), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const stop = () => machine.kill('SIGKILL') // `nice` becomes qemu: it is this process
  const interrupted = () => process.exit(1)
  process.once('exit', stop)
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, interrupted)
  const timer = setTimeout(stop, seconds * 1000)
  const printed = []
  machine.stdout.on('data', (piece) => {
    printed.push(piece)
    if (show) process.stdout.write(piece)
  })
  const ended = await new Promise((resolve, reject) => {
    machine.once('error', reject)
    machine.once('close', (status) => resolve(status === 0))
  })
  clearTimeout(timer)
  process.off('exit', stop)
  for (const signal of ['SIGINT', 'SIGTERM']) process.off(signal, interrupted)
  return { output: Buffer.concat(printed).toString().replaceAll('\r', ''), ended }
}

/** The kernel takes archives one behind the other, each at a multiple of four bytes. */
function padded(archive) {
  const bytes = readFileSync(archive)
  return [bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]
}

/** QEMU for arm64. Its libraries are those of QEMU for x64. */
function fetchedEmulator(cache) {
  const folder = debianPackages({
    folder: join(cache, 'qemu-system'),
    suites: ['bookworm'],
    choose: () => ['qemu-system-arm'],
  })
  return join(folder, 'usr', 'bin', 'qemu-system-aarch64')
}
