//! Small buffers as a look needs them: how many of their bytes lie on each page, by thread. A look then costs what the
//! pages are and not what the buffers are.

use super::index::Index;
use super::record::Note;
use crate::platform;

/// Pages that are kept together: a block.
pub(crate) const PAGES: usize = 64;

/// Bytes of a block.
pub(super) fn block_size() -> u64 {
  platform::page_size().saturating_mul(u64::try_from(PAGES).unwrap_or(0))
}

/// Bytes of one thread's small buffers on adjoining pages.
pub(super) struct PageSums {
  /// Where the first page begins.
  pub(super) start: u64,
  /// Node's number of the thread; `None` where none pays for them.
  pub(super) thread: Option<u32>,
  /// One sum per page.
  pub(super) bytes: [u32; PAGES],
  buffers: u32,
}

/// All of them.
pub(super) struct SmallBuffers {
  by_place: Index<(u64, Option<u32>), Box<PageSums>>,
}

impl SmallBuffers {
  pub(super) const fn new() -> Self {
    Self { by_place: Index::new() }
  }

  pub(super) fn add(&mut self, note: &Note) {
    for part in parts(note.address.unwrap_or(0), note.bytes) {
      let key = (part.block, note.payer());
      if let Some(sums) = self.by_place.get_mut(&key) {
        sums.add(part);
        continue;
      }
      let (start, thread) = (part.block, note.payer());
      let mut sums = Box::new(PageSums { start, thread, bytes: [0; PAGES], buffers: 0 });
      sums.add(part);
      self.by_place.insert(key, sums);
    }
  }

  pub(super) fn remove(&mut self, note: &Note) {
    for part in parts(note.address.unwrap_or(0), note.bytes) {
      let key = (part.block, note.payer());
      let Some(sums) = self.by_place.get_mut(&key) else { continue };
      sums.remove(part);
      if sums.buffers == 0 {
        self.by_place.remove(&key);
      }
    }
  }

  pub(super) fn all(&self) -> impl Iterator<Item = &PageSums> {
    self.by_place.iter().map(|(_, sums)| &**sums)
  }
}

impl PageSums {
  fn add(&mut self, part: Part) {
    self.buffers = self.buffers.saturating_add(1);
    part.visit(|page, bytes| self.change(page, |sum| sum.saturating_add(bytes)));
  }

  fn remove(&mut self, part: Part) {
    self.buffers = self.buffers.saturating_sub(1);
    part.visit(|page, bytes| self.change(page, |sum| sum.saturating_sub(bytes)));
  }

  fn change(&mut self, page: u32, change: impl Fn(u32) -> u32) {
    if let Some(sum) = usize::try_from(page).ok().and_then(|page| self.bytes.get_mut(page)) {
      *sum = change(*sum);
    }
  }

  pub(super) fn total(&self) -> u64 {
    self.bytes.iter().map(|bytes| u64::from(*bytes)).sum()
  }
}

/// The part of a buffer that lies in one block of pages.
#[derive(Clone, Copy)]
pub(super) struct Part {
  /// Where the block begins.
  pub(super) block: u64,
  /// Bytes from there.
  from: u64,
  to: u64,
  page: u64,
}

/// The parts of a range of addresses, block by block.
pub(super) fn parts(address: u64, bytes: u64) -> impl Iterator<Item = Part> {
  let (page, size) = (platform::page_size(), block_size());
  let end = address.saturating_add(bytes);
  let first = address & !size.saturating_sub(1); // both sizes are powers of two, and divisions are slow
  let blocks = std::iter::successors(Some(first), move |block| block.checked_add(size));
  blocks.take_while(move |block| *block < end).map(move |block| Part {
    block,
    from: address.saturating_sub(block),
    to: end.saturating_sub(block).min(size),
    page,
  })
}

impl Part {
  /// Gives each page that the part lies on, by its number in the block, and how many bytes of it are on that page.
  pub(super) fn visit(self, mut visit: impl FnMut(u32, u32)) {
    let (mut at, bits) = (self.from, self.page.trailing_zeros());
    while at < self.to {
      let page = at.wrapping_shr(bits);
      let end = page.saturating_add(1).wrapping_shl(bits).min(self.to);
      visit(
        u32::try_from(page).unwrap_or(u32::MAX),
        u32::try_from(end.saturating_sub(at)).unwrap_or(u32::MAX),
      );
      at = end;
    }
  }
}
