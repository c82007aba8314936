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

/// Position and name of each count on the line.
const FIELDS: [&str; 7] = ["size", "resident", "shared", "text", "lib", "data", "dt"];

/// More digits could wrap the accumulator.
const MAX_DIGITS: u32 = 19;

/// Parses a whole line in one pass. All seven counts must be there: a descriptor that meanwhile names another
/// file is noticed.
///
/// # Errors
/// Names the first count that is missing or not a number.
pub fn parse(text: &[u8]) -> Result<Statm, ParseError> {
  let mut counts = [0; FIELDS.len()];
  let mut places = counts.iter_mut().zip(FIELDS);
  let (mut value, mut digits) = (0_u64, 0_u32);
  for byte in text {
    let digit = byte.wrapping_sub(b'0');
    if digit < 10 && digits < MAX_DIGITS {
      // 19 digits fit into 64 bits, so neither operation wraps.
      value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
      digits = digits.wrapping_add(1);
      continue;
    }
    let (place, field) = places.next().ok_or(ParseError { field: "dt" })?;
    let end = if field == "dt" { b'\n' } else { b' ' };
    if digits == 0 || *byte != end {
      return Err(ParseError { field });
    }
    *place = value;
    (value, digits) = (0, 0);
  }
  match (places.next(), digits) {
    (None, 0) => {
      let [_, resident, shared, ..] = counts;
      Ok(Statm { resident, shared })
    }
    (missing, _) => Err(ParseError { field: missing.map_or("dt", |(_, field)| field) }),
  }
}
