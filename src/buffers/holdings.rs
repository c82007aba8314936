//! What a look at the process has to know of buffers: where the large ones lie, how many bytes of small ones are on each
//! page, and which memory is mapped for buffers.

use super::page_sums::PAGES;
use super::record::Source;
use super::{slabs, threads, visit};
use crate::v8::Extent;

/// A buffer that is looked at by itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LargeBuffer {
  pub(crate) extent: Extent,
  /// The kernel's number of the thread that it belongs to; `None` for memory that several may share.
  pub(crate) tid: Option<i32>,
}

/// Bytes of the small buffers of one thread on each of some adjoining pages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SmallOnPages {
  /// Where the first page begins.
  pub(crate) start: u64,
  pub(crate) tid: Option<i32>,
  pub(crate) bytes: [u32; PAGES],
}

/// Everything on the books that has an address.
pub(crate) struct Holdings {
  /// In address order.
  pub(crate) large: Vec<LargeBuffer>,
  pub(crate) small: Vec<SmallOnPages>,
  pub(crate) bytes: u64,
}

/// What is alive now.
pub(crate) fn holdings() -> Holdings {
  let running = threads::running();
  let tid = |thread: Option<u32>| running.get(&thread?).copied();
  let (mut large, mut small) = (Vec::new(), Vec::new());
  let bytes = visit::summary(
    |note| {
      let Some(address) = note.address else { return };
      large.push(LargeBuffer { extent: Extent { address, length: note.bytes }, tid: tid(note.payer()) });
    },
    |sums| small.push(SmallOnPages { start: sums.start, tid: tid(sums.thread), bytes: sums.bytes }),
  );
  large.sort_unstable_by_key(|buffer| buffer.extent.address);
  Holdings { large, small, bytes }
}

/// All memory that is mapped for buffers, in address order: first address, and the one behind.
pub(crate) fn mappings() -> Vec<(u64, u64)> {
  slabs::mappings()
}

/// What of it is in no buffer and has pages all the same.
pub(crate) fn stale_ranges() -> Vec<(u64, u64)> {
  slabs::stale_ranges()
}

/// Bytes that other addons declared.
pub(crate) fn declared_bytes() -> u64 {
  visit::declared_bytes()
}

/// Bytes on the books that are in V8's count of that thread too.
pub(crate) fn bytes_known_to_v8(thread: u32) -> u64 {
  let (mut large, mut small) = (0_u64, 0_u64);
  visit::summary(
    |note| {
      if note.payer() == Some(thread) && note.source != Source::Declared {
        large = large.saturating_add(note.bytes);
      }
    },
    |sums| {
      if sums.thread == Some(thread) {
        small = small.saturating_add(sums.total());
      }
    },
  );
  large.saturating_add(small)
}
