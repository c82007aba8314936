//! Going through the books: in steps, so that nobody who enters a buffer waits for long.

use std::sync::{Mutex, PoisonError};

use super::amount::Amount;
use super::books::{Books, books, settle};
use super::page_sums::PageSums;
use super::place::Kind;
use super::record::{Life, Note};
use crate::v8::WeakStore;

/// How many are looked at while others wait.
const CHUNK: usize = 1024;

/// How many times as many small ones are looked at for their sums: 131,072.
const CHUNKS_IN_SUMMARY: usize = 128;

/// One at a time: a pass notes in the tables how far it is.
static VISITING: Mutex<()> = Mutex::new(());

/// What there was in all.
#[derive(Clone, Copy)]
pub(super) struct Totals {
  /// When the visit began, with what is there now having grown to what it is now.
  pub(super) allocated: Amount,
  pub(super) peak: u64,
}

/// Shows everything that is alive to `visit`, which may measure. What grew, shrank or died meanwhile is put down.
pub(super) fn visit(mut visit: impl FnMut(&Note)) -> Totals {
  as_only_visitor(|| {
    let mut allocated = begin();
    let mut bytes = 0_u64;
    let mut count = |note: &Note| {
      bytes = bytes.saturating_add(note.bytes);
      visit(note);
    };
    visit_small(&mut count);
    let grown = visit_others(&mut count);
    allocated.bytes = allocated.bytes.saturating_add(grown);
    Totals { allocated, peak: end(bytes) }
  })
}

/// Shows the others to `large`, and the small ones to `small` as sums per page, under the lock: it is to copy them.
/// Gives the bytes of all that have an address.
///
/// Whether a buffer is alive stands in memory of its own, which costs some 20 ns to reach. So of very many small ones a
/// part is looked at, and the next time the next part: those of the rest that died are in the sums for so long.
pub(super) fn summary(mut large: impl FnMut(&Note), small: impl FnMut(&PageSums)) -> u64 {
  as_only_visitor(|| {
    books().continue_pass();
    visit_others(&mut large);
    for _ in 0..CHUNKS_IN_SUMMARY {
      if !books().show_some(Kind::Small, |_, _| {}) {
        break;
      }
    }
    let books = books();
    books.small_buffers.all().for_each(small);
    books.bytes.saturating_sub(books.declared)
  })
}

/// Shows all others, and of the small ones also those that died unnoticed, with their identities: whether they live costs
/// more to find out than all else.
pub(super) fn skim(mut visit: impl FnMut(&Note, Option<usize>)) {
  as_only_visitor(|| {
    begin();
    visit_others(&mut |note| visit(note, None));
    while books().skim_some(|notes, lives| {
      notes.iter().zip(lives).for_each(|(note, life)| visit(note, life.identity()));
    }) {}
  });
}

/// Bytes that other addons declared: they say themselves when those go.
pub(super) fn declared_bytes() -> u64 {
  books().declared
}

fn as_only_visitor<T>(work: impl FnOnce() -> T) -> T {
  let _alone = VISITING.lock().unwrap_or_else(PoisonError::into_inner);
  let outcome = work();
  books().is_visited = false;
  outcome
}

fn begin() -> Amount {
  let mut books = books();
  books.is_visited = true;
  books.begin_pass();
  books.allocated
}

fn end(bytes: u64) -> u64 {
  let mut books = books();
  books.peak = books.peak.max(bytes);
  books.peak
}

/// Small ones stay as they are, so nothing has to be copied: they are shown under the lock. The kernel answers at once
/// about the few pages on which a thousand of them lie.
fn visit_small(visit: &mut impl FnMut(&Note)) {
  while books().show_some(Kind::Small, |notes, _| notes.iter().for_each(&mut *visit)) {}
}

/// Gives by how much those grew that may.
fn visit_others(visit: &mut impl FnMut(&Note)) -> u64 {
  let mut grown = 0_u64;
  let mut seen: Vec<(Note, Option<WeakStore>)> = Vec::new();
  let moving = |note: &Note, life: &Life| match life {
    Life::Store(store) if !note.is_fixed => Some(store.clone()),
    _ => None,
  };
  loop {
    seen.clear();
    let is_last = !books().show_some(Kind::Other, |notes, lives| {
      seen.extend(notes.iter().zip(lives).map(|(note, life)| (*note, moving(note, life))));
    });
    for (note, moving) in &mut seen {
      if let Some(store) = moving {
        let Some(extent) = store.extent() else { continue }; // it died just now
        if extent.length != note.bytes {
          settle(store.identity(), extent.length);
          grown = grown.saturating_add(extent.length.saturating_sub(note.bytes));
        }
        (note.address, note.bytes) = (Some(extent.address), extent.length);
      }
      visit(note);
    }
    if is_last {
      return grown;
    }
  }
}

impl Books {
  /// Shows some of the unseen ones that are alive, and takes away the dead. False when there are none left.
  fn show_some(&mut self, kind: Kind, mut show: impl FnMut(&[Note], &[Life])) -> bool {
    let mut left = CHUNK;
    while left > 0 {
      let seen = self.scan(kind, left, &mut show);
      if seen == 0 {
        return false;
      }
      left = left.saturating_sub(seen);
    }
    true
  }
  /// The same of the small ones for the dead as well.
  fn skim_some(&mut self, show: impl FnOnce(&[Note], &[Life])) -> bool {
    let table = self.table(Kind::Small);
    let places = table.skim(CHUNK);
    let (notes, lives) = table.scanned(&places);
    show(notes, lives);
    !places.is_empty()
  }
}
