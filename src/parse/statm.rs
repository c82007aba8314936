//! `/proc/<pid>/statm`: seven page counts on one line.

use super::{ParseError, decimal};

/// The counts of `statm` that the kernel still maintains. Unit: pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statm {
  /// All resident pages: anonymous, file and shared memory.
  pub resident: u64,
  /// Resident pages of file mappings and shared memory (`RssFile + RssShmem`).
  pub shared: u64,
}

/// Parses a whole line. All seven fields must be there: a descriptor that now names another file is noticed.
///
/// # Errors
/// Names the first field that is missing or not a number.
pub fn parse(text: &[u8]) -> Result<Statm, ParseError> {
  let (_size, rest) = field(text, b' ', "size")?;
  let (resident, rest) = field(rest, b' ', "resident")?;
  let (shared, rest) = field(rest, b' ', "shared")?;
  let (_text, rest) = field(rest, b' ', "text")?;
  let (_lib, rest) = field(rest, b' ', "lib")?;
  let (_data, rest) = field(rest, b' ', "data")?;
  let (_dirty, rest) = field(rest, b'\n', "dt")?;
  if rest.is_empty() { Ok(Statm { resident, shared }) } else { Err(ParseError { field: "dt" }) }
}

fn field<'a>(text: &'a [u8], end: u8, field: &'static str) -> Result<(u64, &'a [u8]), ParseError> {
  let (value, rest) = decimal(text).ok_or(ParseError { field })?;
  match rest.split_first() {
    Some((separator, rest)) if *separator == end => Ok((value, rest)),
    _ => Err(ParseError { field }),
  }
}
