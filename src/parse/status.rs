//! `/proc/<pid>/status`: one `Name:\tvalue` line per fact, sizes in KiB.

use super::{ParseError, kib};

/// `VmHWM`, the peak resident set size, in bytes.
///
/// # Errors
/// When the line is missing (a kernel thread has none) or is not a number of kB.
pub fn peak_resident(text: &[u8]) -> Result<u64, ParseError> {
  let value = text.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"VmHWM:"));
  value.and_then(kib).ok_or(ParseError { field: "VmHWM" })
}
