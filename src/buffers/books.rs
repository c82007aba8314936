//! The table, and the sums that are kept with it.
//!
//! Dead stores are swept out when as many were added as had been alive, and before every answer, so that entering one
//! costs the same however many there are. Dropping a weak reference frees a control block and calls nothing of V8's.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::record::{Copied, Life, Record, Source, Tag};
use crate::v8::{Extent, Store};

/// Below so many records sweeping costs nothing that anyone would notice.
const FEW: usize = 64;

/// How many records are copied while others wait.
const CHUNK: usize = 4096;

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

struct Books {
  /// Records keep their place; `None` is free.
  records: Vec<Option<Record>>,
  free: Vec<usize>,
  /// Places of followed stores, by identity.
  by_store: HashMap<usize, usize, BuildHasherDefault<AddressHasher>>,
  /// Places of what is held, by the number given out for it, and of shared memory by its address.
  by_number: HashMap<u64, usize, BuildHasherDefault<AddressHasher>>,
  by_address: HashMap<u64, u64, BuildHasherDefault<AddressHasher>>,
  last_serial: u64,
  /// Bytes of all records, of dead ones that nobody has noticed too.
  bytes: u64,
  /// All that ever came onto the books, growth included.
  allocated: Amount,
  peak: u64,
  since_sweep: usize,
  /// While somebody goes through the records, they keep their places.
  visitors: usize,
}

static BOOKS: Mutex<Books> = Mutex::new(Books {
  records: Vec::new(),
  free: Vec::new(),
  by_store: HashMap::with_hasher(BuildHasherDefault::new()),
  by_number: HashMap::with_hasher(BuildHasherDefault::new()),
  by_address: HashMap::with_hasher(BuildHasherDefault::new()),
  last_serial: 0,
  bytes: 0,
  allocated: Amount { count: 0, bytes: 0 },
  peak: 0,
  since_sweep: 0,
  visitors: 0,
});

fn books() -> MutexGuard<'static, Books> {
  BOOKS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Enters a store, or updates what is known of it. False when there is nothing to follow: no memory, and nobody but the
/// caller who would keep it.
pub(crate) fn follow(store: &Store, tag: Tag) -> bool {
  let Extent { length, .. } = store.extent();
  if store.pointer().is_last() || (length == 0 && store.is_empty_for_ever()) {
    return false;
  }
  let Some(weak) = store.downgrade() else { return false };
  let is_shared = store.is_shared();
  let identity = weak.identity();
  let mut books = books();
  if let Some(index) = books.by_store.get(&identity).copied() {
    books.resize(index, length);
    if let Some(record) = books.record(index) {
      record.update(tag);
    }
    return true;
  }
  let serial = books.next_serial();
  let index = books.enter(Record::new(serial, Life::Store(weak), length, is_shared, tag));
  books.by_store.insert(identity, index);
  true
}

/// How this store came onto the books; `None` when it is not on them.
pub(crate) fn look_up(identity: usize) -> Option<Source> {
  let mut books = books();
  let index = books.by_store.get(&identity).copied()?;
  books.record(index).map(|record| record.source)
}

/// The serial number of the entry of a store that is alive.
pub(crate) fn serial_of(identity: usize) -> Option<u64> {
  let mut books = books();
  let index = books.by_store.get(&identity).copied()?;
  books.record(index).filter(|record| record.is_alive()).map(|record| record.serial)
}

/// Whether memory that is held stands on the books under this number, which is its serial number too.
pub(crate) fn is_held(number: u64) -> bool {
  books().by_number.contains_key(&number)
}

/// Takes a store off the books if it is dead.
pub(crate) fn strike(identity: usize) {
  let mut books = books();
  if let Some(index) = books.by_store.get(&identity).copied()
    && books.record(index).is_some_and(|record| !record.is_alive())
  {
    books.remove(index);
  }
}

/// Enters memory whose holder will say when it lets go; gives the number by which to say so. `shared` memory is one
/// entry for all its holders. Memory without an address is what another addon declares.
pub(crate) fn follow_address(address: Option<u64>, bytes: u64, is_shared: bool, tag: Tag) -> u64 {
  let mut books = books();
  let known = address.filter(|_| is_shared).and_then(|address| books.by_address.get(&address).copied());
  if let Some((number, index)) =
    known.and_then(|number| Some((number, books.by_number.get(&number).copied()?)))
  {
    books.resize(index, bytes);
    if let Some(record) = books.record(index) {
      record.update(tag);
      if let (Life::Held { holders, .. }, Some(thread)) = (&mut record.life, tag.thread) {
        holders.push(thread);
      }
    }
    return number;
  }
  let holders = tag.thread.into_iter().collect();
  let number = books.next_serial();
  let life = Life::Held { number, address, holders };
  let index = books.enter(Record::new(number, life, bytes, is_shared, tag));
  books.by_number.insert(number, index);
  if let Some(address) = address.filter(|_| is_shared) {
    books.by_address.insert(address, number);
  }
  number
}

/// Puts down what is new about memory that is held.
pub(crate) fn update_held(number: u64, bytes: u64, tag: Tag) {
  let mut books = books();
  let Some(index) = books.by_number.get(&number).copied() else { return };
  books.resize(index, bytes);
  if let Some(record) = books.record(index) {
    record.update(tag);
  }
}

/// One holder of that memory lets go; with the last the entry goes. `None` retracts what was declared without one.
pub(crate) fn holder_left(number: u64, thread: Option<u32>) -> bool {
  let mut books = books();
  let Some(index) = books.by_number.get(&number).copied() else { return false };
  let Some(Record { life: Life::Held { holders, .. }, .. }) = books.record(index) else { return false };
  match thread {
    Some(thread) => {
      let Some(place) = holders.iter().position(|holder| *holder == thread) else { return false };
      holders.swap_remove(place);
    }
    None if !holders.is_empty() => return false,
    None => {}
  }
  if holders.is_empty() {
    books.remove(index);
  }
  true
}

/// A thread is gone and holds nothing any more.
pub(super) fn thread_left(thread: u32) {
  let mut books = books();
  let mut orphans = Vec::new();
  for index in books.by_number.values().copied().collect::<Vec<_>>() {
    let Some(record) = books.record(index) else { continue };
    let Life::Held { holders, .. } = &mut record.life else { continue };
    let held = holders.len();
    holders.retain(|holder| *holder != thread);
    if holders.is_empty() && held > 0 {
      orphans.push(index);
    }
  }
  for index in orphans {
    books.remove(index);
  }
}

/// Shows every record to `visit`, which is called without the lock and may measure. What grew, shrank or died
/// meanwhile is put down. Gives all that was ever allocated.
pub(super) fn visit(mut visit: impl FnMut(&Copied)) -> Amount {
  {
    let mut books = books();
    books.sweep();
    books.visitors = books.visitors.saturating_add(1);
  }
  let mut copies = Vec::new();
  let mut from = 0;
  loop {
    copies.clear();
    let found = books().copy(from, &mut copies);
    for copy in &mut copies {
      let noted = copy.extent.length;
      if !copy.refresh() {
        continue;
      }
      if copy.extent.length != noted {
        settle(copy);
      }
      visit(copy);
    }
    if !found {
      break;
    }
    from = from.saturating_add(CHUNK);
  }
  let mut books = books();
  books.visitors = books.visitors.saturating_sub(1);
  books.allocated
}

/// How many are on the books, the dead that nobody has noticed among them.
pub(crate) fn count() -> usize {
  books().len()
}

/// The most that was ever held, given what is held now.
pub(super) fn peak(now: u64) -> u64 {
  let mut books = books();
  books.peak = books.peak.max(now);
  books.peak
}

/// Puts down the length that a store has now.
fn settle(copy: &Copied) {
  let mut books = books();
  let is_same = books.record(copy.index).is_some_and(|record| match (&record.life, &copy.store) {
    (Life::Store(store), Some(other)) => store.identity() == other.identity(),
    _ => false,
  });
  if is_same {
    let Extent { length, .. } = copy.extent;
    books.resize(copy.index, length);
  }
}

impl Books {
  fn record(&mut self, index: usize) -> Option<&mut Record> {
    self.records.get_mut(index)?.as_mut()
  }

  fn next_serial(&mut self) -> u64 {
    self.last_serial = self.last_serial.saturating_add(1);
    self.last_serial
  }

  fn enter(&mut self, record: Record) -> usize {
    let bytes = record.bytes;
    self.since_sweep = self.since_sweep.saturating_add(1);
    self.allocated.add(bytes);
    self.bytes = self.bytes.saturating_add(bytes);
    let is_doubled = self.since_sweep > self.len().max(FEW);
    if is_doubled || self.is_peak_worth_a_sweep() {
      self.sweep();
    }
    if let Some(index) = self.free.pop()
      && let Some(place) = self.records.get_mut(index)
    {
      *place = Some(record);
      return index;
    }
    self.records.push(Some(record));
    self.records.len().saturating_sub(1)
  }

  fn len(&self) -> usize {
    self.records.len().saturating_sub(self.free.len())
  }

  /// The sum counts what died unnoticed. Before it is called a peak, the dead are swept out; with many records only
  /// when it is above the last peak by a quarter, so that each record is looked at a bounded number of times.
  fn is_peak_worth_a_sweep(&self) -> bool {
    let step = if self.len() < FEW { 0 } else { self.peak.wrapping_shr(2) };
    self.bytes > self.peak.saturating_add(step)
  }

  fn sweep(&mut self) {
    for index in 0..self.records.len() {
      if self.record(index).is_some_and(|record| !record.is_alive()) {
        self.remove(index);
      }
    }
    self.since_sweep = 0;
    self.peak = self.peak.max(self.bytes);
    self.give_back();
  }

  /// Memory of a table that was once much larger: the records move together.
  fn give_back(&mut self) {
    let length = self.len();
    if self.visitors > 0 || self.records.capacity() <= length.saturating_mul(4).max(CHUNK) {
      return;
    }
    let records: Vec<_> = self.records.iter_mut().filter_map(Option::take).map(Some).collect();
    self.records = records;
    self.free = Vec::new();
    self.by_store.clear();
    self.by_number.clear();
    for (index, record) in self.records.iter().enumerate() {
      match record.as_ref().map(|record| &record.life) {
        Some(Life::Store(store)) => self.by_store.insert(store.identity(), index),
        Some(Life::Held { number, .. }) => self.by_number.insert(*number, index),
        None => None,
      };
    }
    self.by_store.shrink_to_fit();
    self.by_number.shrink_to_fit();
    self.by_address.shrink_to_fit();
  }

  fn remove(&mut self, index: usize) {
    let Some(record) = self.records.get_mut(index).and_then(Option::take) else { return };
    self.free.push(index);
    self.bytes = self.bytes.saturating_sub(record.bytes);
    match &record.life {
      Life::Store(store) => {
        self.by_store.remove(&store.identity());
      }
      Life::Held { number, address, .. } => {
        self.by_number.remove(number);
        if let Some(address) = address
          && self.by_address.get(address) == Some(number)
        {
          self.by_address.remove(address);
        }
      }
    }
  }

  fn resize(&mut self, index: usize, bytes: u64) {
    let Some(record) = self.record(index) else { return };
    let before = std::mem::replace(&mut record.bytes, bytes);
    self.bytes = self.bytes.saturating_sub(before).saturating_add(bytes);
    self.allocated.bytes = self.allocated.bytes.saturating_add(bytes.saturating_sub(before));
  }

  /// Copies a chunk of the records. False when there are none behind it.
  fn copy(&self, from: usize, copies: &mut Vec<Copied>) -> bool {
    let end = from.saturating_add(CHUNK).min(self.records.len());
    let places = (from..end).zip(self.records.get(from..end).unwrap_or_default());
    copies.extend(places.filter_map(|(index, place)| Some(Copied::of(index, place.as_ref()?))));
    end < self.records.len()
  }
}

/// Addresses and numbers are as good as random once their bits are mixed: one multiplication.
#[derive(Default)]
struct AddressHasher(u64);

impl Hasher for AddressHasher {
  fn finish(&self) -> u64 {
    self.0
  }

  fn write(&mut self, bytes: &[u8]) {
    for byte in bytes {
      self.write_u64(self.0.wrapping_add(u64::from(*byte)));
    }
  }

  fn write_u64(&mut self, value: u64) {
    const MIX: u64 = 0x9E37_79B9_7F4A_7C15;
    let mixed = value.wrapping_mul(MIX);
    self.0 = mixed ^ mixed.wrapping_shr(32);
  }

  fn write_usize(&mut self, value: usize) {
    self.write_u64(u64::try_from(value).unwrap_or(0));
  }
}
