//! Pressure stall information: for how much of the time programs waited for memory.

use super::{ParseError, behind, whole_number};

/// Both lines of a `pressure` file of memory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pressure {
  /// At least one task waited.
  pub some: Stall,
  /// All tasks waited.
  pub full: Stall,
}

/// One line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stall {
  /// Per cent of the last ten seconds.
  pub percent10: f64,
  /// Of the last minute.
  pub percent60: f64,
  /// Of the last five minutes.
  pub percent300: f64,
  /// Microseconds since the group was made, or the system started.
  pub total_micros: u64,
}

/// Parses lines `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`.
///
/// # Errors
/// Names the line that is missing or malformed.
pub fn parse(text: &[u8]) -> Result<Pressure, ParseError> {
  let line = |name| behind(text, name, b" ").and_then(stall).ok_or(ParseError { field: name });
  Ok(Pressure { some: line("some")?, full: line("full")? })
}

fn stall(line: &[u8]) -> Option<Stall> {
  let value = |name: &str| {
    let mut fields = line.split(|byte| *byte == b' ');
    fields.find_map(|field| field.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
  };
  let percent = |name: &str| -> Option<f64> { std::str::from_utf8(value(name)?).ok()?.parse().ok() };
  let stall = Stall {
    percent10: percent("avg10")?,
    percent60: percent("avg60")?,
    percent300: percent("avg300")?,
    total_micros: whole_number(value("total")?)?,
  };
  Some(stall)
}
