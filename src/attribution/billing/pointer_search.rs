//! Who holds the memory of an `ArrayBuffer`, wherever it lies.
//!
//! The allocator does not record who asked for memory, and who asked need not be who holds it: what an addon made on a
//! thread of libuv's pool lies in that thread's arena. V8 knows: the object of every `ArrayBuffer` lies in the heap of
//! its isolate and leads to the memory. So the resident words of all heaps are searched for what looks like such an
//! object.
//!
//! A heap also holds what is left of dead objects, and their copies. One counts only where it leads back: over a
//! record to a backing store that says the same of its memory as the object does. Whoever frees a store writes over
//! the address in it.

use super::ascending_reads::read_ascending;
use super::buffer_layout::{BufferLayout, RECORD_WORDS, STORE_WORDS};
use super::buffer_mentions::{Mention, mentions};
use super::buffer_ranges::{Extent, HeldMemory, Holder, in_pieces};
use crate::attribution::measure::Survey;
use crate::attribution::piece::Owner;
use crate::attribution::reading::Memory;
use crate::attribution::v8_pages::HeaderLayout;

/// The outcome of a search.
#[derive(Debug, Clone, Default)]
pub struct BufferOwners {
  pub(super) held: Vec<HeldMemory>,
  searched: u64,
}

impl BufferOwners {
  /// Bytes of heap that were read.
  pub fn searched(&self) -> u64 {
    self.searched
  }
}

/// Searches all heaps of a survey that measured every piece.
pub fn find_owners(
  survey: &Survey,
  memory: &impl Memory,
  (headers, layout): (&HeaderLayout, BufferLayout),
  page_size: u64,
) -> BufferOwners {
  let (mentions, searched) = mentions(survey, memory, headers, layout);
  let alive = alive(survey, memory, layout, mentions);
  let same_start = |one: &Mention, other: &Mention| one.start == other.start;
  let extents = alive.chunk_by(same_start).filter_map(|mentions| extent(survey, mentions));
  BufferOwners { held: in_pieces(survey, extents, page_size), searched }
}

/// Those that lead to a backing store which says the same, in the order of addresses and with the length that it says.
fn alive(
  survey: &Survey,
  memory: &impl Memory,
  layout: BufferLayout,
  mut mentions: Vec<Mention>,
) -> Vec<Mention> {
  mentions.sort_unstable_by_key(|mention| mention.record);
  let mut alive = Vec::new();
  let mut elsewhere = Vec::new();
  read_ascending::<_, RECORD_WORDS>(
    survey,
    memory,
    &mentions,
    |mention| mention.record,
    |mention, record, window| {
      let Some(store) = layout.store_of(record) else { return };
      // The allocator tends to put the store beside the record.
      match window.at(store) {
        Some(store) => alive.extend(confirmed(layout, *mention, store)),
        None => elsewhere.push((store, *mention)),
      }
    },
  );
  drop(mentions);
  elsewhere.sort_unstable_by_key(|(store, _)| *store);
  read_ascending(
    survey,
    memory,
    &elsewhere,
    |(store, _)| *store,
    |(_, mention), store, _| {
      alive.extend(confirmed(layout, *mention, store));
    },
  );
  alive.sort_by_key(|mention| mention.start); // long stretches of it are in order already
  alive
}

/// The mention, if the store that it led to has the memory that it says.
fn confirmed(layout: BufferLayout, mention: Mention, store: &[u64; STORE_WORDS]) -> Option<Mention> {
  let (start, length) = layout.memory_of(store)?;
  // A shared one that may grow keeps its length in the store alone.
  let is_same = start == mention.start && (mention.length == length || mention.length == 0);
  (is_same && length > 0).then_some(Mention { length, ..mention })
}

/// The memory that begins at the one address of these, and who has it.
fn extent(survey: &Survey, mentions: &[Mention]) -> Option<Extent> {
  let start = mentions.first()?.start;
  let end = start.checked_add(mentions.iter().map(|mention| mention.length).max()?)?;
  let holder = match without_leftovers(survey, mentions).as_slice() {
    [one] => Holder::Isolate(*one),
    _ => Holder::Several,
  };
  Some(Extent { start, end, holder })
}

/// The isolates that hold a store, each once.
///
/// Every buffer has a record of its own. V8 hands pages that one isolate left to another, with all that was in them: of
/// two that name one record, one is such a leftover. A thread makes its isolate and its records in its own arena.
fn without_leftovers(survey: &Survey, mentions: &[Mention]) -> Vec<u64> {
  let mut isolates: Vec<u64> = mentions.iter().map(|mention| mention.isolate).collect();
  isolates.sort_unstable();
  isolates.dedup();
  if isolates.len() < 2 {
    return isolates;
  }
  let arena_of = |address: u64| match survey.piece_with(address, address)?.owner {
    owner @ (Owner::Arena(_) | Owner::MainArena) => Some(owner),
    _ => None,
  };
  let is_at_home = |mention: &Mention| {
    arena_of(mention.record).is_some_and(|arena| arena_of(mention.isolate) == Some(arena))
  };
  let is_leftover = |mention: &Mention| {
    let same = |other: &&Mention| other.record == mention.record && other.isolate != mention.isolate;
    !is_at_home(mention) && mentions.iter().filter(same).any(is_at_home)
  };
  isolates
    .retain(|isolate| mentions.iter().any(|mention| mention.isolate == *isolate && !is_leftover(mention)));
  isolates
}
