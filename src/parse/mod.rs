//! Text of the kernel and the C library to numbers: pure functions over bytes, one file per source, no I/O, no
//! system call.
//!
//! Every function takes any byte string: arithmetic is checked, malformed text is a [`ParseError`].

pub mod cgroup;
pub mod limits;
pub mod malloc_info;
pub mod maps;
pub mod meminfo;
pub mod mountinfo;
pub mod pressure;
pub mod smaps;
pub mod statm;
pub mod status;
pub mod task_stat;
pub mod task_syscall;

/// The field that a parser could not find or could not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseError {
  /// Name of the field, as the kernel documents it.
  pub field: &'static str,
}

/// Reads the decimal number at the start of `bytes`; gives it and what follows.
fn decimal(bytes: &[u8]) -> Option<(u64, &[u8])> {
  number(bytes, 10)
}

/// Reads the hexadecimal number at the start of `bytes`; gives it and what follows.
fn hexadecimal(bytes: &[u8]) -> Option<(u64, &[u8])> {
  number(bytes, 16)
}

/// The decimal number that all of `bytes` is.
fn whole_number(bytes: &[u8]) -> Option<u64> {
  decimal(bytes).filter(|(_, rest)| rest.is_empty()).map(|(number, _)| number)
}

/// What stands behind a name and a separator, in the first line that begins with them.
fn behind<'a>(text: &'a [u8], name: &str, separator: &[u8]) -> Option<&'a [u8]> {
  let mut lines = text.split(|byte| *byte == b'\n');
  lines.find_map(|line| line.strip_prefix(name.as_bytes())?.strip_prefix(separator))
}

fn number(bytes: &[u8], radix: u32) -> Option<(u64, &[u8])> {
  let (mut value, mut rest) = (0_u64, bytes);
  while let Some((byte, following)) = rest.split_first()
    && let Some(digit) = char::from(*byte).to_digit(radix)
  {
    value = value.checked_mul(u64::from(radix))?.checked_add(u64::from(digit))?;
    rest = following;
  }
  (rest.len() < bytes.len()).then_some((value, rest))
}

/// The size in bytes that the rest of a `Name:   value kB` line tells.
fn kib(value: &[u8]) -> Option<u64> {
  let (kib, unit) = decimal(value.trim_ascii_start())?;
  if unit == b" kB" { kib.checked_mul(1024) } else { None }
}
