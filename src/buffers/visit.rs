//! Going through the books: in steps, so that nobody who enters a buffer waits for long.

use std::sync::{Mutex, PoisonError};

use super::amount::Amount;
use super::books::{Books, Kind, Step, books, settle};
use super::page_sums::PageSums;
use super::record::{Life, Note};
use crate::v8::WeakStore;

/// How many are looked at while others wait.
const CHUNK: usize = 1024;

/// How many are brought nearer together.
const AHEAD: usize = 64;

/// One at a time: a pass notes in the tables how far it is.
static VISITING: Mutex<()> = Mutex::new(());

/// What there was in all.
#[derive(Clone, Copy)]
pub(super) struct Totals {
  /// When the visit began, with what is there now having grown to what it is now.
  pub(super) allocated: Amount,
  pub(super) peak: u64,
}

/// Shows everything that is alive to `visit`, which is called without the lock and may measure. What grew, shrank or
/// died meanwhile is put down.
pub(super) fn visit(mut visit: impl FnMut(&Note)) -> Totals {
  as_only_visitor(|| {
    let mut allocated = begin();
    let mut bytes = 0_u64;
    let mut count = |note: &Note| {
      bytes = bytes.saturating_add(note.bytes);
      visit(note);
    };
    let small = visit_kind(Kind::Small, &mut count);
    let grown = visit_kind(Kind::Other, &mut count).saturating_add(small);
    allocated.bytes = allocated.bytes.saturating_add(grown);
    Totals { allocated, peak: end(bytes) }
  })
}

/// Shows the others to `large`, and the small ones to `small` as sums per page, under the lock: it is to copy them.
/// Gives the bytes of all that have an address.
pub(super) fn summary(mut large: impl FnMut(&Note), small: impl FnMut(&PageSums)) -> u64 {
  as_only_visitor(|| {
    begin();
    visit_kind(Kind::Other, &mut large);
    while books().strike_some(Kind::Small) {}
    let books = books();
    books.small_buffers.all().for_each(small);
    books.bytes.saturating_sub(books.declared)
  })
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

/// Gives by how much those grew that may.
fn visit_kind(kind: Kind, visit: &mut impl FnMut(&Note)) -> u64 {
  let mut grown = 0_u64;
  let mut seen: Vec<(Note, Option<WeakStore>)> = Vec::new();
  loop {
    seen.clear();
    let is_last = !books().show_some(kind, |note, life| {
      let moving = match life {
        Life::Store(store) if !note.is_fixed => Some(store.clone()),
        _ => None,
      };
      seen.push((*note, moving));
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
  /// Shows some of the unseen ones. False when there are none left.
  fn show_some(&mut self, kind: Kind, mut seen: impl FnMut(&Note, &Life)) -> bool {
    self.look_at_some(kind, |books, index| {
      if let Some((note, life)) = books.table(kind).record(index) {
        seen(note, life);
      }
    })
  }

  /// Takes away those of them that are dead, and looks at nothing else.
  fn strike_some(&mut self, kind: Kind) -> bool {
    self.look_at_some(kind, |_, _| {})
  }

  fn look_at_some(&mut self, kind: Kind, mut seen: impl FnMut(&mut Self, usize)) -> bool {
    for _ in 0..CHUNK.div_euclid(AHEAD) {
      self.table(kind).prefetch(AHEAD);
      for _ in 0..AHEAD {
        match self.step(kind) {
          Step::Alive(index) => seen(self, index),
          Step::Dead => {}
          Step::End => return false,
        }
      }
    }
    true
  }
}
