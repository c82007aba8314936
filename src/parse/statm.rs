//! `/proc/<pid>/statm`: seven page counts on one line.

use super::ParseError;

/// The counts of `statm` that the kernel still maintains. Unit: pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statm {
  /// All resident pages: anonymous, file and shared memory.
  pub resident: u64,
  /// Resident pages of file mappings and shared memory (`RssFile + RssShmem`).
  pub shared: u64,
}

/// The resident pages, and no other number: the call that is made most often spends a tenth of its time on the line
/// otherwise. The rest must still be the counts that a line of `statm` ends with, so that a descriptor that meanwhile
/// names another file is noticed.
///
/// # Errors
/// As [`parse`], which names what is wrong.
pub fn resident(text: &[u8]) -> Result<u64, ParseError> {
  let after_size = count(text, b' ').map(|(_, rest)| rest);
  match after_size.and_then(|rest| count(rest, b' ')) {
    Some((resident, rest)) if ends_as_statm(rest) => Ok(resident),
    _ => parse(text).map(|statm| statm.resident),
  }
}

/// Whether these are the last five counts of a line: the last, dirty pages, has been 0 since 2.6.
fn ends_as_statm(counts: &[u8]) -> bool {
  const LAST_COUNT: &[u8] = b" 0\n";
  const COUNTS_BEFORE: usize = 4;
  let Some(counts) = counts.strip_suffix(LAST_COUNT) else { return false };
  let are_counts = counts.iter().all(|byte| byte.is_ascii_digit() || *byte == b' ');
  let between = counts.split(|byte| *byte == b' ').count();
  let are_apart =
    !counts.starts_with(b" ") && !counts.ends_with(b" ") && !counts.windows(2).any(|two| two == b"  ");
  are_counts && between == COUNTS_BEFORE && are_apart
}

/// Position and name of each count on the line.
const FIELDS: [&str; 7] = ["size", "resident", "shared", "text", "lib", "data", "dt"];

/// More digits could wrap the accumulator.
const MAX_DIGITS: usize = 19;

/// Parses a whole line. All seven counts must be there.
///
/// # Errors
/// Names the first count that is missing or not a number.
pub fn parse(text: &[u8]) -> Result<Statm, ParseError> {
  let mut counts = [0; FIELDS.len()];
  let mut rest = text;
  for (place, field) in counts.iter_mut().zip(FIELDS) {
    let end = if field == "dt" { b'\n' } else { b' ' };
    (*place, rest) = count(rest, end).ok_or(ParseError { field })?;
  }
  let [_, resident, shared, ..] = counts;
  if rest.is_empty() { Ok(Statm { resident, shared }) } else { Err(ParseError { field: "dt" }) }
}

/// The number at the start of `text` and what follows the byte that ends it.
fn count(text: &[u8], end: u8) -> Option<(u64, &[u8])> {
  let mut value = 0_u64;
  for (position, byte) in text.iter().enumerate().take(MAX_DIGITS.saturating_add(1)) {
    let digit = byte.wrapping_sub(b'0');
    if digit < 10 && position < MAX_DIGITS {
      // 19 digits fit into 64 bits, so neither operation wraps.
      value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
    } else if *byte == end && position > 0 {
      return Some((value, text.get(position.saturating_add(1)..)?));
    } else {
      return None;
    }
  }
  None
}
