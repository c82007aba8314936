//! `/proc/[pid]/task/[tid]/syscall`: the system call in which a thread waits.

use super::{ParseError, decimal, hexadecimal};

/// What the file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
  /// The thread runs; nothing is known of a system call.
  Running,
  /// The thread waits.
  Waiting {
    /// The number of the call; -1 when it waits outside of one, as for a page.
    number: i64,
    /// Its first argument; 0 outside of a call.
    first_argument: u64,
  },
}

/// Reads the text of the file.
///
/// # Errors
/// `number` or `argument`, when they are not what the kernel documents.
pub fn parse(text: &[u8]) -> Result<Call, ParseError> {
  let text = text.trim_ascii();
  if text == b"running" {
    return Ok(Call::Running);
  }
  if text.starts_with(b"-1 ") {
    return Ok(Call::Waiting { number: -1, first_argument: 0 });
  }
  let malformed = |field| ParseError { field };
  let (number, rest) = decimal(text).ok_or(malformed("number"))?;
  let number = i64::try_from(number).map_err(|_| malformed("number"))?;
  let argument = rest.strip_prefix(b" 0x").and_then(hexadecimal).ok_or(malformed("argument"))?;
  Ok(Call::Waiting { number, first_argument: argument.0 })
}
