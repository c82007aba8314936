//! How many, and how much.

/// A count of buffers and the sum of their bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Amount {
  pub(crate) count: u64,
  pub(crate) bytes: u64,
}

impl Amount {
  pub(super) fn add(&mut self, bytes: u64) {
    self.count = self.count.saturating_add(1);
    self.bytes = self.bytes.saturating_add(bytes);
  }

  /// What is left of this when that is taken away.
  pub(super) fn less(self, other: Self) -> Self {
    Self { count: self.count.saturating_sub(other.count), bytes: self.bytes.saturating_sub(other.bytes) }
  }
}
