//! The floor under every reader of `/proc/self/statm`: a kept descriptor is read again and again, nothing is
//! parsed, no JavaScript is near.
//!
//! `statm_floor libc|bare ITERATIONS` prints nanoseconds per call. `libc` is the `pread` that a C program would
//! write; `bare` is the same system call without libc's wrapper, which is how the addon reads.

#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
  let mut arguments = std::env::args().skip(1);
  let read = match arguments.next().as_deref() {
    Some("libc") => linux::by_libc,
    Some("bare") => linux::by_bare_call,
    _ => return Err("usage: statm_floor libc|bare ITERATIONS".into()),
  };
  let iterations = arguments.next().ok_or("how many iterations?")?.parse()?;
  linux::live_beside_an_idle_thread();
  let nanoseconds = linux::measure(read, iterations)?;
  #[expect(clippy::print_stdout, reason = "a command line program: its output is its result")]
  {
    println!("{nanoseconds:.2}");
  }
  Ok(())
}

/// Other systems have no statm; the example still has to compile there.
#[cfg(not(target_os = "linux"))]
fn main() {}

#[cfg(target_os = "linux")]
mod linux {
  use std::fs::File;
  use std::os::fd::{AsRawFd, RawFd};
  use std::time::Instant;

  const START: libc::off_t = 0;

  /// A Node process has a dozen threads. In a process with only one, the kernel takes no reference on the
  /// descriptor and libc skips its cancellation point: a floor that no addon can stand on.
  pub(crate) fn live_beside_an_idle_thread() {
    std::thread::spawn(|| {
      loop {
        std::thread::park();
      }
    });
  }

  /// One reading from the start of the file into the buffer; whether it read anything.
  type Read = fn(RawFd, &mut [u8]) -> bool;

  /// Nanoseconds per call.
  pub(crate) fn measure(read: Read, iterations: u32) -> std::io::Result<f64> {
    let statm = File::open("/proc/self/statm")?;
    let mut buffer = [0; 128];
    run(read, &statm, &mut buffer, iterations.div_euclid(10))?; // a new process is cold
    let start = Instant::now();
    run(read, &statm, &mut buffer, iterations)?;
    Ok(start.elapsed().as_secs_f64() * 1e9 / f64::from(iterations))
  }

  fn run(read: Read, file: &File, buffer: &mut [u8], iterations: u32) -> std::io::Result<()> {
    for _ in 0..iterations {
      if !read(file.as_raw_fd(), buffer) {
        return Err(std::io::Error::last_os_error());
      }
    }
    Ok(())
  }

  pub(crate) fn by_libc(descriptor: RawFd, buffer: &mut [u8]) -> bool {
    // SAFETY: the pointer and the length are those of a live, writable slice.
    unsafe { libc::pread(descriptor, buffer.as_mut_ptr().cast(), buffer.len(), START) > 0 }
  }

  pub(crate) fn by_bare_call(descriptor: RawFd, buffer: &mut [u8]) -> bool {
    // SAFETY: the pointer and the length are those of a live, writable slice.
    unsafe { libc::syscall(libc::SYS_pread64, descriptor, buffer.as_mut_ptr(), buffer.len(), START) > 0 }
  }
}
