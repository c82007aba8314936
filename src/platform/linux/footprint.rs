//! The memory that a process has for itself, and its share of what it has in common with others.

use std::ffi::CString;
use std::path::Path;

use super::proc_file;
use super::thread_list::main_thread;
use super::thread_numbers::counts_otherwise;
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
  let process = match pid {
    Some(pid) if !is_own(pid) && counts_otherwise() => {
      return Err(MeasureError::Unsupported { what: "another process, whose number /proc does not have," });
    }
    Some(pid) if !is_own(pid) => pid.to_string(),
    _ => "self".to_owned(),
  };
  let file = format!("/proc/{process}/{}", if kernel_sums_up() { "smaps_rollup" } else { "smaps" });
  let path = CString::new(file.clone()).unwrap_or_default();
  let text = proc_file::read(&path, super::MAPS_LIMIT)?;
  match smaps::sum(&text) {
    Ok(sum) => Ok(Footprint { uss: sum.unique_set_size(), pss: sum.pss, swap: sum.swap }),
    Err(error) => Err(MeasureError::Parse { file: file.into(), field: error.field }),
  }
}

/// Linux before 4.14 has no rollup; the sum over all mappings is the same, and dearer.
fn kernel_sums_up() -> bool {
  Path::new("/proc/self/smaps_rollup").exists()
}

fn is_own(pid: u32) -> bool {
  i32::try_from(pid) == Ok(main_thread())
}
