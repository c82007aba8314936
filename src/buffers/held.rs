//! Buffers that are followed by those who hold them: they say when they let go. Memory that another addon declared is
//! held by no thread.

use std::collections::BTreeMap;

use super::books::{Books, books};
use super::index::Index;
use super::record::{Held, Life, Note, Tag};
use crate::v8::Extent;

/// Who holds what.
pub(super) struct Holders {
  /// How often a thread holds something, by (thread, number): once for each buffer object.
  by_thread: BTreeMap<(u32, u64), u32>,
  /// Numbers of shared memory.
  by_address: Index<u64, u64>,
}

impl Holders {
  pub(super) const fn new() -> Self {
    Self { by_thread: BTreeMap::new(), by_address: Index::new() }
  }

  fn hold(&mut self, thread: u32, number: u64) {
    let count = self.by_thread.entry((thread, number)).or_default();
    *count = count.saturating_add(1);
  }

  /// False when that thread does not hold it.
  fn let_go(&mut self, thread: u32, number: u64) -> bool {
    let Some(count) = self.by_thread.get_mut(&(thread, number)) else { return false };
    *count = count.saturating_sub(1);
    if *count == 0 {
      self.by_thread.remove(&(thread, number));
    }
    true
  }

  /// All that a thread holds, and how often, which it does no more.
  fn let_go_of_all(&mut self, thread: u32) -> Vec<(u64, u32)> {
    let held = self.by_thread.range((thread, 0)..=(thread, u64::MAX));
    let held: Vec<(u64, u32)> = held.map(|((_, number), count)| (*number, *count)).collect();
    for (number, _) in &held {
      self.by_thread.remove(&(thread, *number));
    }
    held
  }

  pub(super) fn forget(&mut self, number: u64, address: Option<u64>) {
    if let Some(address) = address
      && self.by_address.get(&address) == Some(&number)
    {
      self.by_address.remove(&address);
    }
  }
}

/// Enters memory whose holder will say when it lets go; gives the number by which to say so. `shared` memory is one
/// entry for all its holders. Memory without an address is what another addon declares.
pub(crate) fn follow_address(address: Option<u64>, bytes: u64, is_shared: bool, tag: Tag) -> u64 {
  let mut books = books();
  let shared = address.filter(|_| is_shared);
  let known = shared.and_then(|address| books.holders.by_address.get(&address).copied());
  if let Some((number, place)) =
    known.and_then(|number| Some((number, books.by_number.get(&number).copied()?)))
  {
    books.update(place, tag);
    if let (Some(Life::Held(held)), Some(_)) = (books.life(place), tag.thread) {
      held.holders = held.holders.saturating_add(1);
    }
    if let Some(thread) = tag.thread {
      books.holders.hold(thread, number);
    }
    books.resize(place, bytes);
    return number;
  }
  let number = books.next_serial();
  let extent = Extent { address: address.unwrap_or(0), length: bytes };
  let note = Note { serial: number, address, ..Note::new(extent, is_shared, true, tag) };
  let holders = u32::from(tag.thread.is_some());
  let place = books.enter(Life::Held(Box::new(Held { number, holders })), note);
  books.by_number.insert(number, place);
  if let Some(thread) = tag.thread {
    books.holders.hold(thread, number);
  }
  if let Some(address) = shared {
    books.holders.by_address.insert(address, number);
  }
  books.look_for_dead();
  number
}

/// Puts down what is new about memory that is held.
pub(crate) fn update_held(number: u64, bytes: u64, tag: Tag) {
  let mut books = books();
  let Some(place) = books.by_number.get(&number).copied() else { return };
  books.update(place, tag);
  books.resize(place, bytes);
}

/// One holder of that memory lets go; with the last the entry goes. `None` retracts what was declared without one.
pub(crate) fn holder_left(number: u64, thread: Option<u32>) -> bool {
  let mut books = books();
  match thread {
    Some(thread) => {
      let held = books.holders.let_go(thread, number);
      if held {
        books.drop_holders(number, 1);
      }
      held
    }
    None => books.retract(number),
  }
}

/// A thread is gone and holds nothing any more.
pub(super) fn thread_left(thread: u32) {
  let mut books = books();
  for (number, count) in books.holders.let_go_of_all(thread) {
    books.drop_holders(number, count);
  }
}

impl Books {
  fn drop_holders(&mut self, number: u64, count: u32) {
    let Some(place) = self.by_number.get(&number).copied() else { return };
    let Some(Life::Held(held)) = self.life(place) else { return };
    held.holders = held.holders.saturating_sub(count);
    if held.holders == 0 {
      self.remove(place);
    }
  }

  /// False when there is no such thing, or somebody holds it.
  fn retract(&mut self, number: u64) -> bool {
    let Some(place) = self.by_number.get(&number).copied() else { return false };
    let is_held = matches!(self.life(place), Some(Life::Held(held)) if held.holders > 0);
    if !is_held {
      self.remove(place);
    }
    !is_held
  }
}
