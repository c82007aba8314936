//! Text of the kernel and the C library to numbers: pure functions over bytes, one file per source, no I/O, no
//! system call.
//!
//! Every function takes any byte string: arithmetic is checked, malformed text is a [`ParseError`].

pub mod malloc_info;
pub mod statm;
pub mod status;

/// The field that a parser could not find or could not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseError {
  /// Name of the field, as the kernel documents it.
  pub field: &'static str,
}

/// Reads the decimal number at the start of `bytes`; gives it and what follows.
fn decimal(bytes: &[u8]) -> Option<(u64, &[u8])> {
  let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
  let (number, rest) = bytes.split_at_checked(digits)?;
  let mut value: u64 = 0;
  for digit in number {
    value = value.checked_mul(10)?.checked_add(u64::from(digit.wrapping_sub(b'0')))?;
  }
  (digits > 0).then_some((value, rest))
}
