//! `/proc/<pid>/status`: one `Name:\tvalue` line per fact, sizes in KiB.

use super::{ParseError, decimal, kib};

/// `VmHWM`, the peak resident set size, in bytes.
///
/// # Errors
/// When the line is missing (a kernel thread has none) or is not a number of kB.
pub fn peak_resident(text: &[u8]) -> Result<u64, ParseError> {
  kib_line(text, b"VmHWM:").ok_or(ParseError { field: "VmHWM" })
}

/// What `status` says of resident and swapped memory. Unit: bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
  /// Resident anonymous memory, private copies of file pages included.
  pub anonymous: u64,
  /// Resident pages of files.
  pub file: u64,
  /// Resident shared memory: shmem, memfd, shared anonymous.
  pub shared: u64,
  /// Anonymous memory in swap, shared memory not included.
  pub swap: u64,
  /// Threads, a count.
  pub threads: u64,
}

impl Memory {
  /// The resident set size.
  pub fn resident(&self) -> u64 {
    self.anonymous.saturating_add(self.file).saturating_add(self.shared)
  }
}

/// Resident memory by kind. The split exists since Linux 4.5.
///
/// # Errors
/// Names the first line that is missing or malformed.
pub fn memory(text: &[u8]) -> Result<Memory, ParseError> {
  let size = |name: &[u8], field| kib_line(text, name).ok_or(ParseError { field });
  Ok(Memory {
    anonymous: size(b"RssAnon:", "RssAnon")?,
    file: size(b"RssFile:", "RssFile")?,
    shared: size(b"RssShmem:", "RssShmem")?,
    swap: size(b"VmSwap:", "VmSwap")?,
    threads: count_line(text, b"Threads:").ok_or(ParseError { field: "Threads" })?,
  })
}

fn count_line(text: &[u8], name: &[u8]) -> Option<u64> {
  let value = text.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(name))?;
  let (count, rest) = decimal(value.trim_ascii_start())?;
  rest.is_empty().then_some(count)
}

fn kib_line(text: &[u8], name: &[u8]) -> Option<u64> {
  let value = text.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(name))?;
  kib(value)
}
