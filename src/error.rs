//! What can go wrong below JavaScript, with the stable codes of the public contract.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// A failed measurement. The message names the file and what the system said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MeasureError {
  /// A kernel file could not be opened or read.
  Read {
    /// Path of the kernel file; borrowed where it is fixed, so that a failed read of our own allocates nothing.
    file: Cow<'static, str>,
    /// `open`, `read` or `pread`.
    syscall: &'static str,
    /// The positive errno of the failed call.
    errno: i32,
  },
  /// A kernel file was read, and its text is not what the kernel documents.
  Parse {
    /// Path of the kernel file; borrowed where it is fixed, so that a failed read of our own allocates nothing.
    file: Cow<'static, str>,
    /// The field that was missing or malformed.
    field: &'static str,
  },
  /// The work was predicted to take longer than it may, and was not begun.
  OverBudget {
    /// Microseconds that it would have taken.
    predicted_micros: u64,
    /// Microseconds that it may take.
    budget_micros: u64,
  },
  /// This platform has no source for the figure.
  Unsupported {
    /// The figure that was asked for.
    what: &'static str,
  },
}

impl MeasureError {
  /// The `code` property of the JavaScript error.
  pub fn code(&self) -> &'static str {
    match self {
      Self::Read { .. } => "ERR_MEMUSAGE_PROC_READ",
      Self::Parse { .. } => "ERR_MEMUSAGE_PROC_PARSE",
      Self::OverBudget { .. } => "ERR_MEMUSAGE_OVER_BUDGET",
      Self::Unsupported { .. } => "ERR_MEMUSAGE_UNSUPPORTED",
    }
  }
}

impl fmt::Display for MeasureError {
  fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match self {
      Self::Read { file, syscall, errno } => {
        write!(f, "cannot {syscall} {file}: {}", std::io::Error::from_raw_os_error(*errno))
      }
      Self::Parse { file, field } => write!(f, "cannot parse {file}: no valid \"{field}\""),
      Self::OverBudget { predicted_micros, budget_micros } => {
        let [predicted, budget] =
          [predicted_micros, budget_micros].map(|micros| Duration::from_micros(*micros));
        write!(f, "this would take about {predicted:?}, over the budget of {budget:?}")
      }
      Self::Unsupported { what } => write!(f, "{what} cannot be measured on this platform"),
    }
  }
}

impl std::error::Error for MeasureError {}

/// Result of a measurement.
pub type Result<T> = std::result::Result<T, MeasureError>;
