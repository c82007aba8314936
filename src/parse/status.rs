//! `/proc/<pid>/status`: one `Name:\tvalue` line per fact, sizes in KiB.

use super::{ParseError, decimal};

/// `VmHWM`, the peak resident set size, in bytes.
///
/// # Errors
/// When the line is missing (a kernel thread has none) or is not a number of kB.
pub fn peak_resident(text: &[u8]) -> Result<u64, ParseError> {
  kib_line(text, b"VmHWM:").ok_or(ParseError { field: "VmHWM" })
}

fn kib_line(text: &[u8], name: &[u8]) -> Option<u64> {
  let value = text.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(name))?;
  let (kib, unit) = decimal(value.trim_ascii_start())?;
  if unit == b" kB" { kib.checked_mul(1024) } else { None }
}
