//! The memory that a process has for itself, and its share of what it has in common with others.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::spare_descriptor::with_spare_descriptor;
use crate::error::{MeasureError, Result};
use crate::parse::smaps;
use crate::platform::Footprint;

/// Private and proportional memory of a process, of this one by default.
///
/// The file is opened for each call: the kernel checks at open who may look into a process, and a figure that
/// costs a walk over all pages is not asked for so often that a kept descriptor would pay.
///
/// # Errors
/// When the file cannot be opened (`ENOENT`: no such process; `EACCES`: not ours to look into), read (`ESRCH`: it
/// has just ended) or parsed.
pub fn footprint(pid: Option<u32>) -> Result<Footprint> {
  let process = pid.map_or_else(|| "self".to_owned(), |pid| pid.to_string());
  let file = format!("/proc/{process}/{}", if kernel_sums_up() { "smaps_rollup" } else { "smaps" });
  let failed = |syscall, error: io::Error| MeasureError::Read {
    file: file.clone().into(),
    syscall,
    errno: error.raw_os_error().unwrap_or(0),
  };
  let text = with_spare_descriptor(|| File::open(&file).map(read_to_end))
    .map_err(|error| failed("open", error))?
    .map_err(|error| failed("read", error))?;
  match smaps::sum(&text) {
    Ok(sum) => Ok(Footprint { uss: sum.unique_set_size(), pss: sum.pss, swap: sum.swap }),
    Err(error) => Err(MeasureError::Parse { file: file.into(), field: error.field }),
  }
}

/// Linux before 4.14 has no rollup; the sum over all mappings is the same, and dearer.
fn kernel_sums_up() -> bool {
  Path::new("/proc/self/smaps_rollup").exists()
}

fn read_to_end(mut file: File) -> io::Result<Vec<u8>> {
  /// A rollup is below 1 KiB and gains a line every few years.
  const ROLLUP_SIZE: usize = 4096;
  let mut text = Vec::with_capacity(ROLLUP_SIZE);
  file.read_to_end(&mut text)?;
  Ok(text)
}
