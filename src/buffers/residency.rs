//! How much of each buffer is in memory.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use super::index::Mix;
use super::page_sums::{block_size, parts};
use super::record::Note;
use crate::platform;

/// Measures one buffer after the other. Of small ones many lie together: the kernel is asked once about all the pages
/// of a block.
#[derive(Default)]
pub(super) struct Residency {
  /// One byte per page, as the kernel answers.
  pages: Vec<u8>,
  /// For each block one bit per page.
  blocks: HashMap<u64, u64, BuildHasherDefault<Mix>>,
  /// The block of the buffer before, which is mostly that of the next.
  last: Option<(u64, u64)>,
}

impl Residency {
  /// Resident bytes: of a page that it shares with others, its own part. `None` where that cannot be told.
  pub(super) fn of(&mut self, note: &Note) -> Option<u64> {
    let address = note.address.filter(|_| platform::page_residency_works())?;
    Some(if note.is_small() {
      self.of_small(address, note.bytes)
    } else {
      self.of_range(address, note.bytes)
    })
  }

  fn of_small(&mut self, address: u64, bytes: u64) -> u64 {
    let mut resident = 0_u64;
    for part in parts(address, bytes) {
      let pages = self.block(part.block);
      part.visit(|page, bytes| {
        if pages.wrapping_shr(page) & 1 == 1 {
          resident = resident.saturating_add(u64::from(bytes));
        }
      });
    }
    resident
  }

  fn block(&mut self, start: u64) -> u64 {
    if let Some((last, pages)) = self.last
      && last == start
    {
      return pages;
    }
    let answer = &mut self.pages;
    let pages = *self.blocks.entry(start).or_insert_with(|| {
      answer.clear();
      platform::resident_pages(start, start.saturating_add(block_size()), answer);
      answer.iter().rev().fold(0, |pages, byte| pages.wrapping_shl(1) | u64::from(byte & 1))
    });
    self.last = Some((start, pages));
    pages
  }

  fn of_range(&mut self, address: u64, length: u64) -> u64 {
    if length == 0 {
      return 0;
    }
    let (page, end) = (platform::page_size(), address.saturating_add(length));
    let first = address.saturating_sub(address.checked_rem(page).unwrap_or(0));
    let behind = end.checked_next_multiple_of(page).unwrap_or(end);
    self.pages.clear();
    platform::resident_pages(first, behind, &mut self.pages);
    let is_resident = |byte: &u8| byte & 1 == 1;
    let count = self.pages.iter().filter(|byte| is_resident(byte)).count();
    let mut resident = u64::try_from(count).unwrap_or(0).saturating_mul(page);
    if self.pages.first().is_some_and(is_resident) {
      resident = resident.saturating_sub(address.saturating_sub(first));
    }
    if self.pages.last().is_some_and(is_resident) {
      resident = resident.saturating_sub(behind.saturating_sub(end));
    }
    resident
  }
}
