//! The books: every buffer once, and the sums that are kept with them.
//!
//! Dead stores are looked for a few at a time, whenever others are entered, and all of them before an answer: entering
//! one costs the same however many there are. Dropping a weak reference frees a control block and calls nothing of
//! V8's. Whoever goes through the books does so in steps, and holds the lock for one step.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::amount::Amount;
use super::held::Holders;
use super::index::Index;
use super::page_sums::SmallBuffers;
use super::place::{Kind, Place};
use super::record::{Life, Note, Source, Tag};
use super::table::Table;
use crate::v8::Store;

/// Of so few all can be looked at for every new one, and nobody would notice.
const FEW: usize = 256;
/// How often the dead are looked for otherwise, in new entries.
const INTERVAL: u32 = 32;
/// And among how many: one for each new entry, so that there are never more dead ones than others.
const STEPS: usize = 32;
/// How many for each new entry while the sum says that there were never so many bytes.
const URGENT_STEPS: usize = 512;
pub(super) struct Books {
  small: Table,
  other: Table,
  /// Places of followed stores, by identity.
  by_store: Index<usize, Place>,
  /// Places of what is held, by the number given out for it.
  pub(super) by_number: Index<u64, Place>,
  pub(super) holders: Holders,
  pub(super) small_buffers: SmallBuffers,
  /// The number that was given out last.
  last_serial: u64,
  /// Bytes of all records, of dead ones that nobody has noticed too.
  pub(super) bytes: u64,
  /// Bytes that other addons declared.
  pub(super) declared: u64,
  /// All that ever came onto the books, growth included.
  pub(super) allocated: Amount,
  pub(super) peak: u64,
  /// Bytes of those that the pass under way found alive: all of them were when it began. `None` where it did not count.
  found: Option<u64>,
  since_look: u32,
  /// Somebody goes through all of them, and looks for the dead on the way.
  pub(super) is_visited: bool,
}

static BOOKS: Mutex<Books> = Mutex::new(Books {
  small: Table::new(),
  other: Table::new(),
  by_store: Index::new(),
  by_number: Index::new(),
  holders: Holders::new(),
  small_buffers: SmallBuffers::new(),
  last_serial: 0,
  bytes: 0,
  declared: 0,
  allocated: Amount { count: 0, bytes: 0 },
  peak: 0,
  found: None,
  since_look: 0,
  is_visited: false,
});

pub(super) fn books() -> MutexGuard<'static, Books> {
  BOOKS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Enters a store, or updates what is known of it. False when there is nothing to follow: no memory, and nobody but the
/// caller who would keep it.
pub(crate) fn follow(store: &Store, tag: Tag) -> bool {
  let extent = store.extent();
  let is_ours = tag.source == Source::Allocated;
  if store.pointer().is_last() || (extent.length == 0 && store.is_empty_for_ever()) {
    return false;
  }
  let Some(weak) = store.downgrade() else { return false };
  let identity = weak.identity();
  let mut books = books();
  if let Some(place) = books.by_store.get(&identity).copied() {
    books.resize(place, extent.length);
    books.update(place, tag);
    return true;
  }
  let note = Note::new(extent, store.is_shared(), is_ours || store.is_fixed(extent), tag);
  let serial = books.next_serial();
  let place = books.enter(Life::Store(weak), Note { serial, ..note });
  books.by_store.insert(identity, place);
  books.look_for_dead();
  true
}

/// How this store came onto the books; `None` when it is not on them.
pub(crate) fn look_up(identity: usize) -> Option<Source> {
  let mut books = books();
  let place = books.by_store.get(&identity).copied()?;
  books.note(place).map(|note| note.source)
}

/// The serial number of the entry of a store that is alive.
pub(crate) fn serial_of(identity: usize) -> Option<u64> {
  let mut books = books();
  let place = books.by_store.get(&identity).copied()?;
  books.life(place).filter(|life| life.is_alive())?;
  books.note(place).map(|note| note.serial)
}

/// Whether memory that is held stands on the books under this number, which is its serial number too.
pub(crate) fn is_held(number: u64) -> bool {
  books().by_number.get(&number).is_some()
}

/// How many are on the books, the dead that nobody has noticed among them.
pub(crate) fn count() -> usize {
  books().len()
}

/// Takes a store off the books if it is dead.
pub(crate) fn strike(identity: usize) {
  let mut books = books();
  if let Some(place) = books.by_store.get(&identity).copied()
    && books.life(place).is_some_and(|life| !life.is_alive())
  {
    books.remove(place);
  }
}

/// Puts down the length that a store has now.
pub(super) fn settle(identity: usize, length: u64) {
  let mut books = books();
  if let Some(place) = books.by_store.get(&identity).copied() {
    books.resize(place, length);
  }
}

impl Books {
  pub(super) fn table(&mut self, kind: Kind) -> &mut Table {
    match kind {
      Kind::Small => &mut self.small,
      Kind::Other => &mut self.other,
    }
  }

  pub(super) fn life(&mut self, place: Place) -> Option<&mut Life> {
    self.table(place.kind()).life(place.index())
  }

  pub(super) fn note(&mut self, place: Place) -> Option<&mut Note> {
    self.table(place.kind()).note(place.index())
  }

  fn len(&self) -> usize {
    self.small.len().saturating_add(self.other.len())
  }

  pub(super) fn next_serial(&mut self) -> u64 {
    self.last_serial = self.last_serial.saturating_add(1);
    self.last_serial
  }

  pub(super) fn enter(&mut self, life: Life, note: Note) -> Place {
    self.allocated.add(note.bytes);
    self.put(life, note)
  }

  /// Puts a record where it belongs.
  fn put(&mut self, life: Life, note: Note) -> Place {
    self.count_in(&note);
    let kind = if note.is_small() { Kind::Small } else { Kind::Other };
    let index = self.table(kind).push(life, note);
    Place::new(kind, index)
  }

  /// Takes a record away; what leads to it stays.
  fn take(&mut self, place: Place) -> Option<(Life, Note)> {
    let kind = place.kind();
    let (life, note, [refilled, moved]) = self.table(kind).remove(place.index())?;
    self.count_out(&note);
    self.renew(Place::new(kind, refilled));
    if moved != refilled {
      self.renew(Place::new(kind, moved));
    }
    Some((life, note))
  }

  fn count_in(&mut self, note: &Note) {
    self.bytes = self.bytes.saturating_add(note.bytes);
    if note.source == Source::Declared {
      self.declared = self.declared.saturating_add(note.bytes);
    }
    if note.is_small() {
      self.small_buffers.add(note);
    }
  }

  fn count_out(&mut self, note: &Note) {
    self.bytes = self.bytes.saturating_sub(note.bytes);
    if note.source == Source::Declared {
      self.declared = self.declared.saturating_sub(note.bytes);
    }
    if note.is_small() {
      self.small_buffers.remove(note);
    }
  }

  /// Another record may be in this place now.
  fn renew(&mut self, place: Place) {
    let known = match self.table(place.kind()).life(place.index()) {
      Some(Life::Store(store)) => {
        let identity = store.identity();
        self.by_store.get_mut(&identity)
      }
      Some(Life::Held(held)) => {
        let number = held.number;
        self.by_number.get_mut(&number)
      }
      None => None,
    };
    if let Some(known) = known {
      *known = place;
    }
  }

  pub(super) fn remove(&mut self, place: Place) {
    let Some((life, note)) = self.take(place) else { return };
    match &life {
      Life::Store(store) => {
        self.by_store.remove(&store.identity());
      }
      Life::Held(held) => {
        self.by_number.remove(&held.number);
        self.holders.forget(held.number, note.address);
      }
    }
  }

  /// A buffer that is tracked again belongs to the thread that did, and has the label that was given last.
  pub(super) fn update(&mut self, place: Place, tag: Tag) {
    let Some(note) = self.note(place) else { return };
    let before = *note;
    note.thread = tag.thread;
    note.label = tag.label.unwrap_or(note.label);
    let after = *note;
    if place.kind() == Kind::Small && before.payer() != after.payer() {
      self.small_buffers.remove(&before);
      self.small_buffers.add(&after);
    }
  }

  pub(super) fn resize(&mut self, place: Place, bytes: u64) {
    let Some(before) = self.note(place).map(|note| *note).filter(|note| note.bytes != bytes) else { return };
    let after = Note { bytes, ..before };
    self.allocated.bytes = self.allocated.bytes.saturating_add(bytes.saturating_sub(before.bytes));
    if before.is_small() != after.is_small() {
      let Some((life, _)) = self.take(place) else { return };
      let place = self.put(life, after);
      return self.renew(place);
    }
    self.count_out(&before);
    self.count_in(&after);
    if let Some(note) = self.note(place) {
      *note = after;
    }
  }

  /// Looks for dead ones after a new one was entered.
  ///
  /// The sum counts those too. Before it is called a peak they are taken away; of many, only when the sum is above the
  /// last peak by a quarter, so that each is looked at a bounded number of times, and in steps.
  pub(super) fn look_for_dead(&mut self) {
    if self.is_visited {
      return; // that finds them
    }
    let is_few = self.len() <= FEW;
    let step = if is_few { 0 } else { self.peak.wrapping_shr(2) };
    if self.bytes > self.peak.saturating_add(step) {
      if is_few {
        self.begin_pass();
      }
      self.pass(URGENT_STEPS);
      return;
    }
    self.since_look = self.since_look.saturating_add(1);
    if self.since_look >= INTERVAL {
      self.since_look = 0;
      self.pass(STEPS);
    }
  }

  pub(super) fn begin_pass(&mut self) {
    self.small.unseen = self.small.len();
    self.other.unseen = self.other.len();
    self.found = Some(0);
  }

  /// Begins a pass through the others, and one through the small ones where none is under way.
  pub(super) fn continue_pass(&mut self) {
    self.is_visited = true;
    self.other.unseen = self.other.len();
    if self.small.unseen == 0 {
      self.small.unseen = self.small.len();
    }
    self.found = None;
  }

  /// Looks at so many that were not seen yet, and begins a new pass after the last.
  fn pass(&mut self, steps: usize) {
    let mut left = steps;
    while left > 0 {
      let kind = if self.small.unseen > 0 { Kind::Small } else { Kind::Other };
      let mut found = 0;
      let seen = self.scan(kind, left, |notes, _| found = notes.iter().map(|note| note.bytes).sum());
      if seen == 0 {
        // What it found was alive when it began, all at once.
        self.peak = self.peak.max(self.found.unwrap_or(0));
        return self.begin_pass();
      }
      self.found = self.found.map(|sum| sum.saturating_add(found));
      left = left.saturating_sub(seen);
    }
  }

  /// Looks at `most` of the unseen ones at the most, shows those that are alive, and takes one away that is dead. Gives
  /// how many it looked at: 0 when there are none left.
  pub(super) fn scan(&mut self, kind: Kind, most: usize, show: impl FnOnce(&[Note], &[Life])) -> usize {
    let table = self.table(kind);
    let scan = table.scan(most);
    let (notes, lives) = table.scanned(&scan.alive);
    show(notes, lives);
    if let Some(dead) = scan.dead {
      self.remove(Place::new(kind, dead));
    }
    scan.len()
  }
}
