//! `/proc/<pid>/status`: one `Name:\tvalue` line per fact, sizes in KiB.

use super::{ParseError, behind, kib, whole_number};

/// `VmHWM`, the peak resident set size, in bytes; `None` where the kernel does not tell it, as gVisor's.
///
/// # Errors
/// When the line is not a number of kB.
pub fn peak_resident(text: &[u8]) -> Result<Option<u64>, ParseError> {
  size(text, "VmHWM")
}

/// Resident and swapped memory by kind. Unit: bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
  /// Resident anonymous memory, private copies of file pages included.
  pub anonymous: u64,
  /// Resident pages of files.
  pub file: u64,
  /// Resident shared memory: shmem, memfd, shared anonymous.
  pub shared: u64,
  /// Anonymous memory in swap, shared memory not included; `None` where the kernel does not tell.
  pub swap: Option<u64>,
  /// Threads, a count.
  pub threads: u64,
}

impl Memory {
  /// The resident set size.
  pub fn resident(&self) -> u64 {
    self.anonymous.saturating_add(self.file).saturating_add(self.shared)
  }
}

/// Resident memory by kind, as `status` tells it. Kernels before 4.5 and gVisor do not split it: there `resident` gives
/// all of it and the file-backed part, which `statm` has since ever, and what of that is shared memory is not known.
///
/// # Errors
/// Names the first line that is malformed, or without which nothing can be told.
pub fn memory(text: &[u8], resident: impl FnOnce() -> Option<(u64, u64)>) -> Result<Memory, ParseError> {
  let split = (size(text, "RssAnon")?, size(text, "RssFile")?, size(text, "RssShmem")?);
  let (anonymous, file, shared) = if let (Some(anonymous), Some(file), Some(shared)) = split {
    (anonymous, file, shared)
  } else {
    let (all, file) = resident().ok_or(ParseError { field: "RssAnon" })?;
    (all.saturating_sub(file), file, 0)
  };
  let swap = size(text, "VmSwap")?;
  let threads = count(text, "Threads").ok_or(ParseError { field: "Threads" })?;
  Ok(Memory { anonymous, file, shared, swap, threads })
}

/// What is mapped, resident or not, in bytes: what limits of a process are set against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mapped {
  /// `VmSize`: all of it.
  pub address_space: u64,
  /// `VmData`: private memory that may be written.
  pub data: u64,
}

/// What the process has mapped.
///
/// # Errors
/// Names the line that is missing or malformed.
pub fn mapped(text: &[u8]) -> Result<Mapped, ParseError> {
  let needed = |name| size(text, name)?.ok_or(ParseError { field: name });
  Ok(Mapped { address_space: needed("VmSize")?, data: needed("VmData")? })
}

/// Memory of hugetlbfs that is mapped, in bytes. The kernel counts it here and in no resident set.
pub fn huge_pages(text: &[u8]) -> u64 {
  size(text, "HugetlbPages").ok().flatten().unwrap_or(0)
}

/// How many seccomp filters a thread has; `None` before Linux 5.9.
pub fn seccomp_filters(text: &[u8]) -> Option<u64> {
  count(text, "Seccomp_filters")
}

/// The numbers of a thread in the PID namespaces that it is in, from that of this `/proc` to its own. Since Linux 4.1.
pub fn namespace_numbers(text: &[u8]) -> impl Iterator<Item = u64> {
  let numbers = value(text, "NSpid").unwrap_or_default();
  numbers.split(u8::is_ascii_whitespace).filter_map(whole_number)
}

fn count(text: &[u8], name: &str) -> Option<u64> {
  whole_number(value(text, name)?.trim_ascii_start())
}

/// A size in bytes; `None` when there is no such line.
fn size(text: &[u8], name: &'static str) -> Result<Option<u64>, ParseError> {
  value(text, name).map(|value| kib(value).ok_or(ParseError { field: name })).transpose()
}

/// What stands behind `Name:`. Nothing that a user may name is at the start of a line but the name of the thread, and
/// that is behind `Name:` with its line feeds escaped.
fn value<'a>(text: &'a [u8], name: &str) -> Option<&'a [u8]> {
  behind(text, name, b":")
}
