//! `/proc/meminfo`: the memory of the machine.

use super::{ParseError, behind, kib};

/// Bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostMemory {
  /// All that the kernel manages.
  pub total: u64,
  /// What programs can have without swapping, by the kernel's estimate.
  pub available: u64,
}

/// Parses the text.
///
/// # Errors
/// Names the line that is missing or malformed.
pub fn parse(text: &[u8]) -> Result<HostMemory, ParseError> {
  let size = |name| behind(text, name, b":").and_then(kib).ok_or(ParseError { field: name });
  Ok(HostMemory { total: size("MemTotal")?, available: size("MemAvailable")? })
}
