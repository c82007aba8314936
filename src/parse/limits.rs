//! `/proc/<pid>/limits`: what the process may have of each resource.

use super::{ParseError, behind, whole_number};

/// The soft limits of memory, in bytes; `None` where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessLimits {
  /// `RLIMIT_AS`: all that is mapped, resident or not.
  pub address_space: Option<u64>,
  /// `RLIMIT_DATA`: private memory that may be written, resident or not.
  pub data: Option<u64>,
}

/// Parses the table: a name of several words, the soft limit, the hard one, and a unit.
///
/// # Errors
/// Names the row that is missing or malformed.
pub fn parse(text: &[u8]) -> Result<ProcessLimits, ParseError> {
  Ok(ProcessLimits {
    address_space: soft_limit(text, "Max address space")?,
    data: soft_limit(text, "Max data size")?,
  })
}

fn soft_limit(text: &[u8], name: &'static str) -> Result<Option<u64>, ParseError> {
  let row = behind(text, name, b" ").unwrap_or_default().trim_ascii_start();
  match row.split(u8::is_ascii_whitespace).next() {
    Some(b"unlimited") => Ok(None),
    number => number.and_then(whole_number).map(Some).ok_or(ParseError { field: name }),
  }
}
