//! Resident memory in parts.

use crate::attribution::piece::{Part, Piece};

/// A piece and its resident bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured {
  /// What and whose it is.
  pub piece: Piece,
  /// Resident bytes.
  pub resident: u64,
}

/// Resident memory in parts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Breakdown {
  /// Bytes of each part, in the order of [`Part::ALL`].
  pub parts: [u64; Part::ALL.len()],
}

impl Breakdown {
  /// Resident set size: the sum of the parts.
  pub fn resident(&self) -> u64 {
    self.parts.iter().fold(0, |sum, part| sum.saturating_add(*part))
  }

  /// Bytes of one part.
  pub fn part(&self, part: Part) -> u64 {
    Part::ALL.iter().zip(self.parts).find_map(|(known, bytes)| (*known == part).then_some(bytes)).unwrap_or(0)
  }

  fn part_mut(&mut self, part: Part) -> Option<&mut u64> {
    Part::ALL.iter().zip(&mut self.parts).find_map(|(known, bytes)| (*known == part).then_some(bytes))
  }

  pub(super) fn add(&mut self, part: Part, bytes: u64) {
    if let Some(sum) = self.part_mut(part) {
      *sum = sum.saturating_add(bytes);
    }
  }

  /// Moves up to `bytes` from one part to another; gives how many were there.
  pub(super) fn move_bytes(&mut self, from: Part, to: Part, bytes: u64) -> u64 {
    let moved = bytes.min(self.part(from));
    if let Some(sum) = self.part_mut(from) {
      *sum = sum.saturating_sub(moved);
    }
    self.add(to, moved);
    moved
  }
}
