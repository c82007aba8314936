//! Where the object of an `ArrayBuffer` keeps what leads to its memory.
//!
//! The object holds the address and the length, and the address of a record; the record names the backing store, and
//! that holds both again. At which distances is written down nowhere and differs between versions of V8: it is read
//! off a buffer of which everything is known.

use crate::attribution::reading::Memory;
use crate::attribution::words::is_pointer;

/// Words of an object that are looked at: no `ArrayBuffer` is smaller.
const OBJECT_WORDS: usize = 10;
/// Words of a record that are looked at.
pub(super) const RECORD_WORDS: usize = 4;
/// Words of a backing store that are looked at.
pub(super) const STORE_WORDS: usize = 4;

/// The distances, in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BufferLayout {
  /// From the word that names the record to the one with the address.
  start_from_record: isize,
  /// And to the one with the length.
  length_from_record: isize,
  store_in_record: usize,
  start_in_store: usize,
  length_in_store: usize,
}

impl BufferLayout {
  /// Reads them off the `ArrayBuffer` at `object`, whose memory is known.
  pub fn of(memory: &impl Memory, object: u64, start: u64, length: u64) -> Option<Self> {
    let mut words = [0; OBJECT_WORDS];
    if !memory.read(object, &mut words) {
      return None;
    }
    let start_at = position(&words, start)?;
    let length_at = position(&words, length)?;
    let mut records = words.iter().enumerate().filter(|(_, word)| is_pointer(**word) && **word != start);
    records.find_map(|(record_at, record)| {
      let (store_in_record, start_in_store, length_in_store) = way_to(memory, *record, start, length)?;
      let from_record = |at: usize| isize::try_from(at).ok()?.checked_sub_unsigned(record_at);
      Some(Self {
        start_from_record: from_record(start_at)?,
        length_from_record: from_record(length_at)?,
        store_in_record,
        start_in_store,
        length_in_store,
      })
    })
  }

  /// The address and the length in an object whose word at `position` would be that of the record.
  pub(super) fn of_object(self, words: &[u64], position: usize) -> Option<(u64, u64)> {
    let at = |distance| words.get(position.checked_add_signed(distance)?).copied();
    Some((at(self.start_from_record)?, at(self.length_from_record)?))
  }

  /// Words that an object takes from the first of these to the last.
  pub(super) fn span(self) -> usize {
    let (one, other) = (self.start_from_record, self.length_from_record);
    let first = one.min(other).min(0);
    let last = one.max(other).max(0);
    last.saturating_sub(first).unsigned_abs().saturating_add(1)
  }

  /// The backing store that a record names.
  pub(super) fn store_of(self, record: &[u64; RECORD_WORDS]) -> Option<u64> {
    record.get(self.store_in_record).copied().filter(|store| is_pointer(*store))
  }

  /// The address and the length of a backing store.
  pub(super) fn memory_of(self, store: &[u64; STORE_WORDS]) -> Option<(u64, u64)> {
    Some((*store.get(self.start_in_store)?, *store.get(self.length_in_store)?))
  }
}

/// How the record leads to the memory: place of the store in it, and of address and length in the store.
fn way_to(memory: &impl Memory, record: u64, start: u64, length: u64) -> Option<(usize, usize, usize)> {
  let mut words = [0; RECORD_WORDS];
  if !memory.read(record, &mut words) {
    return None;
  }
  words.iter().enumerate().filter(|(_, word)| is_pointer(**word)).find_map(|(store_at, store)| {
    let mut words = [0; STORE_WORDS];
    memory.read(*store, &mut words).then_some(())?;
    Some((store_at, position(&words, start)?, position(&words, length)?))
  })
}

fn position(words: &[u64], wanted: u64) -> Option<usize> {
  words.iter().position(|word| *word == wanted)
}
