//! Who points at a large allocation.
//!
//! The allocator does not record which thread asked for memory. V8 does, in a way: the object of every `ArrayBuffer`
//! lies in the heap of its isolate and holds the address of the memory. So the resident words of all heaps are
//! searched for the addresses of large allocations.
//!
//! A heap also holds what is left of dead objects and their copies. An address counts only where the words beside it
//! lead back: an `ArrayBuffer` has a second pointer, to a record whose backing store begins at that very address.

use std::collections::HashMap;

use super::address_range::AddressRange;
use crate::attribution::facts::HeldBuffer;
use crate::attribution::measure::Survey;
use crate::attribution::piece::{Owner, Part};
use crate::attribution::reading::Memory;
use crate::attribution::recognise::visit_large_chunks;
use crate::attribution::words::is_pointer;

/// The user's memory begins behind the two words of a chunk's header.
const PAYLOAD_OFFSET: u64 = 16;
/// Words that are read in one go: a page of V8's.
const READ_WORDS: usize = 32 * 1024;
/// More places than this that name one allocation tell nothing new.
const MOST_PLACES: usize = 64;

/// Something that an `ArrayBuffer` may own.
#[derive(Debug, Clone, Copy)]
struct Allocation {
  payload: u64,
  resident: u64,
  kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
  /// A chunk of malloc's.
  Large,
  /// It begins with its mapping.
  Mapped,
}

/// A word in a heap that is the address of an allocation.
#[derive(Debug, Clone, Copy)]
struct Place {
  isolate: u64,
  address: u64,
}

/// The outcome of a search.
#[derive(Debug, Clone, Default)]
pub struct ChunkOwners {
  owned: HashMap<u64, (u64, u64)>,
  searched: u64,
}

impl ChunkOwners {
  /// For each isolate the resident bytes of the large allocations, and of the buffers with a mapping of their own, that it alone owns.
  pub(super) fn per_isolate(&self) -> impl Iterator<Item = (u64, u64, u64)> {
    self.owned.iter().map(|(isolate, (large, mapped))| (*isolate, *large, *mapped))
  }

  /// Whether the owner of anything was found: only then is it sure that buffers are laid out as the search expects.
  pub fn found_any(&self) -> bool {
    !self.owned.is_empty()
  }

  /// Bytes of heap that were read.
  pub fn searched(&self) -> u64 {
    self.searched
  }
}

/// Bytes of heap that a search would read.
pub fn searchable(survey: &Survey) -> u64 {
  let heaps = survey
    .measured
    .iter()
    .filter(|measured| isolate_of_heap(measured.piece.part, measured.piece.owner).is_some());
  heaps.fold(0, |sum, measured| sum.saturating_add(measured.resident))
}

/// Searches all heaps of a survey that measured every piece, for large allocations and for `buffers` with a mapping of
/// their own.
pub fn find_owners(
  survey: &Survey,
  memory: &impl Memory,
  buffers: &[HeldBuffer],
  page_size: u64,
) -> ChunkOwners {
  // Most of an untouched allocation is not there, and neither is what a stale word in a heap leads to.
  let resident = survey.resident_memory(memory);
  let allocations = allocations(survey, &resident, buffers, page_size);
  let mut places: Vec<Vec<Place>> = vec![Vec::new(); allocations.len()];
  let mut searched = 0_u64;
  let mut words = vec![0; READ_WORDS];
  for measured in &survey.measured {
    let Some(isolate) = isolate_of_heap(measured.piece.part, measured.piece.owner) else { continue };
    for (start, end) in survey.resident_runs(&measured.piece) {
      searched = searched.saturating_add(end.saturating_sub(start));
      search(memory, start, end, &mut words, &allocations, |index, address| {
        if let Some(places) = places.get_mut(index).filter(|places| places.len() < MOST_PLACES) {
          places.push(Place { isolate, address });
        }
      });
    }
  }
  let mut owned: HashMap<u64, (u64, u64)> = HashMap::new();
  for (allocation, places) in allocations.iter().zip(&places) {
    if let Some(isolate) = owner_among(places, allocation.payload, survey, &resident) {
      let (large, mapped) = owned.entry(isolate).or_default();
      let sum = if allocation.kind == Kind::Large { large } else { mapped };
      *sum = sum.saturating_add(allocation.resident);
    }
  }
  ChunkOwners { owned, searched }
}

fn isolate_of_heap(part: Part, owner: Owner) -> Option<u64> {
  match owner {
    Owner::Isolate(isolate) if part == Part::V8Heap => Some(isolate),
    _ => None,
  }
}

/// What may be owned, in the order of addresses.
fn allocations(
  survey: &Survey,
  memory: &impl Memory,
  buffers: &[HeldBuffer],
  page_size: u64,
) -> Vec<Allocation> {
  let is_mapped = |buffer: &&HeldBuffer| {
    survey.piece_with(buffer.start, buffer.end).is_some_and(|piece| piece.owner == Owner::Buffer)
  };
  let mapped = buffers.iter().filter(is_mapped).map(|buffer| Allocation {
    payload: buffer.start,
    resident: survey.resident_overlap(buffer.start, buffer.end, page_size),
    kind: Kind::Mapped,
  });
  let mut found: Vec<Allocation> = mapped.collect();
  let mut visited = 0;
  for measured in &survey.measured {
    let piece = measured.piece;
    match piece.owner {
      // A chunk may go on in the next pieces: the kernel splits a mapping of which a part was locked or advised.
      Owner::LargeChunks if piece.end > visited => {
        let ends = (piece.end, survey.end_of_alike(&piece));
        let from = piece.start.max(visited);
        visited = visit_large_chunks(memory, from, ends, page_size, |start, end| {
          found.push(Allocation {
            payload: start.saturating_add(PAYLOAD_OFFSET),
            resident: survey.resident_between(start, end),
            kind: Kind::Large,
          });
        })
        .unwrap_or(visited);
      }
      Owner::GrowableBuffer => {
        found.push(Allocation { payload: piece.start, resident: measured.resident, kind: Kind::Mapped });
      }
      _ => {}
    }
  }
  found.sort_unstable_by_key(|allocation| allocation.payload);
  found
}

/// Calls `found` with the index of an allocation and the address of each word from `start` to `end` that points to it.
fn search(
  memory: &impl Memory,
  start: u64,
  end: u64,
  words: &mut [u64],
  allocations: &[Allocation],
  mut found: impl FnMut(usize, u64),
) {
  const WORD: u64 = 8;
  let (Some(first), Some(last)) = (allocations.first(), allocations.last()) else { return };
  let range = AddressRange::new(first.payload, last.payload);
  let mut address = start;
  while address < end {
    let left = usize::try_from(end.saturating_sub(address).checked_div(WORD).unwrap_or(0)).unwrap_or(0);
    let count = left.min(words.len());
    let Some(words) = words.get_mut(..count).filter(|words| !words.is_empty()) else { return };
    if memory.read(address, words) {
      range.find(words, |position| {
        let Some(word) = words.get(position) else { return };
        if let Ok(index) = allocations.binary_search_by_key(word, |allocation| allocation.payload) {
          let offset = u64::try_from(position).unwrap_or(0).saturating_mul(WORD);
          found(index, address.saturating_add(offset));
        }
      });
    }
    address = address.saturating_add(u64::try_from(count).unwrap_or(0).saturating_mul(WORD));
  }
}

/// The one isolate of which a living `ArrayBuffer` names the allocation. `None` where there is none, or several as for
/// a `SharedArrayBuffer`.
fn owner_among(places: &[Place], payload: u64, survey: &Survey, memory: &impl Memory) -> Option<u64> {
  let mut holders: Vec<Holder> = Vec::new();
  for place in places {
    if let Some(record) = record_of_living_buffer(place.address, payload, memory) {
      let holder = Holder { isolate: place.isolate, record };
      if !holders.contains(&holder) {
        holders.push(holder);
      }
    }
  }
  // Every buffer has a record of its own. V8 hands pages that one isolate left to another, with all that was in them:
  // of two that name one record, one is such a leftover. A thread makes its isolate and its records in its own arena.
  let arena_of = |address: u64| match survey.piece_with(address, address)?.owner {
    owner @ (Owner::Arena(_) | Owner::MainArena) => Some(owner),
    _ => None,
  };
  let is_at_home =
    |holder: &Holder| arena_of(holder.record).is_some_and(|arena| arena_of(holder.isolate) == Some(arena));
  let is_leftover = |holder: &Holder| {
    let same = |other: &&Holder| other.record == holder.record && other.isolate != holder.isolate;
    !is_at_home(holder) && holders.iter().filter(same).any(is_at_home)
  };
  let mut isolates: Vec<u64> =
    holders.iter().filter(|holder| !is_leftover(holder)).map(|holder| holder.isolate).collect();
  isolates.sort_unstable();
  isolates.dedup();
  match isolates.as_slice() {
    [one] => Some(*one),
    _ => None,
  }
}

/// An isolate in whose heap a buffer seems to live, and the record that the buffer leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Holder {
  isolate: u64,
  record: u64,
}

/// The record that one of the words around `address` leads to, where that leads to a backing store which begins at
/// `payload`.
fn record_of_living_buffer(address: u64, payload: u64, memory: &impl Memory) -> Option<u64> {
  /// Words before and behind the address.
  const REACH: u64 = 3;
  const RECORD_WORDS: usize = 6;
  const STORE_WORDS: usize = 4;
  let mut neighbours = [0; 7];
  if !memory.read(address.saturating_sub(REACH.saturating_mul(8)), &mut neighbours) {
    return None;
  }
  neighbours.into_iter().filter(|word| is_pointer(*word) && *word != payload).find(|record| {
    let mut record_words = [0; RECORD_WORDS];
    memory.read(*record, &mut record_words)
      && record_words.iter().filter(|word| is_pointer(**word)).any(|store| {
        let mut store_words = [0; STORE_WORDS];
        memory.read(*store, &mut store_words) && store_words.contains(&payload)
      })
  })
}
