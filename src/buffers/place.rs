//! Where a record stands.

/// Which table a record is in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
  /// Those of `Note::is_small`.
  Small,
  /// All others.
  Other,
}

/// A table and a place in it.
#[derive(Clone, Copy)]
pub(super) struct Place(usize);

impl Place {
  pub(super) fn new(kind: Kind, index: usize) -> Self {
    Self(index.wrapping_shl(1) | usize::from(kind == Kind::Other))
  }

  pub(super) fn kind(self) -> Kind {
    if self.0 & 1 == 0 { Kind::Small } else { Kind::Other }
  }

  pub(super) fn index(self) -> usize {
    self.0.wrapping_shr(1)
  }
}
