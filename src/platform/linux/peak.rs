//! The peak of the resident set: `VmHWM` and how to start it anew.

use std::fs::OpenOptions;
use std::io::{self, Write};

use super::spare_descriptor::with_spare_descriptor;
use super::{read_status, unparsable_status};
use crate::error::Result;
use crate::parse::status;

/// Peak resident set size in bytes since the start of the process or the last reset; `None` where the kernel keeps none.
///
/// # Errors
/// When `/proc/self/status` cannot be opened, read or parsed.
pub fn peak_resident_set_size() -> Result<Option<u64>> {
  status::peak_resident(&read_status()?).map_err(unparsable_status)
}

/// Sets the peak back to the current resident set size; `false` where the kernel refuses.
///
/// The file is opened for each call: a kept descriptor that somebody closed and reused would make us write into
/// their file.
///
/// # Errors
/// None on Linux: every refusal is `false`.
pub fn reset_peak_resident_set_size() -> Result<bool> {
  Ok(with_spare_descriptor(write_clear_refs).is_ok())
}

fn write_clear_refs() -> io::Result<()> {
  /// "Reset the peak resident set size" in `Documentation/filesystems/proc.rst`; needs Linux 4.0.
  const RESET_PEAK: &str = "5";
  let mut file = OpenOptions::new().write(true).open("/proc/self/clear_refs")?;
  file.write_all(RESET_PEAK.as_bytes())
}
