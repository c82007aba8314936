//! One limit, and how far it is.

/// A limit with what is used of it. Unit: bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
  /// So much there may be; `None` where nothing limits it.
  pub limit: Option<u64>,
  /// So much counts against it now; `None` where that is not known.
  pub used: Option<u64>,
  /// The file, the call or the flag that says so; `None` where nothing limits it.
  pub source: Option<String>,
}

impl Bound {
  /// What is left; `None` where nothing limits it, or where it is not known what is used.
  pub fn available(&self) -> Option<u64> {
    Some(self.limit?.saturating_sub(self.used?))
  }
}
