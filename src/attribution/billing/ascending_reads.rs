//! Reading a few words at each of a million places, in little more time than a copy of that memory takes.

use crate::attribution::measure::Survey;
use crate::attribution::piece::{Backing, Part, Piece};
use crate::attribution::reading::Memory;

/// Words that are read in one go at most.
const WINDOW_WORDS: usize = 32 * 1024;
const WORD_BYTES: u64 = 8;
/// Places that are nearer to each other than this are read in one go, with what lies between them, and so much around.
const WORTH_A_READ: u64 = 4096;

/// Words of memory that were read together.
pub(super) struct Window<'a> {
  first: u64,
  words: &'a [u64],
}

impl Window<'_> {
  /// The `WIDTH` words at an address, where all of them were read.
  pub(super) fn at<const WIDTH: usize>(&self, address: u64) -> Option<&[u64; WIDTH]> {
    let place = words_between(self.first, address)?;
    self.words.get(place..)?.first_chunk()
  }
}

/// Calls `found` with each item, the `WIDTH` words at its address, and what was read together with them. The addresses
/// ascend; those that are not in the resident memory of the C allocator are passed over.
pub(super) fn read_ascending<T, const WIDTH: usize>(
  survey: &Survey,
  memory: &impl Memory,
  items: &[T],
  address_of: impl Fn(&T) -> u64,
  mut found: impl FnMut(&T, &[u64; WIDTH], &Window),
) {
  let mut words = vec![0; WINDOW_WORDS];
  let mut items = items;
  for measured in survey.measured.iter().filter(|measured| may_hold_records(&measured.piece)) {
    let piece = measured.piece;
    items = from(piece.start, items, &address_of);
    if items.first().is_none_or(|item| address_of(item) >= piece.end) {
      continue;
    }
    for (start, end) in survey.readable_runs(&piece) {
      items = from(start, items, &address_of);
      let last = end.saturating_sub(bytes(WIDTH)); // where the last of them may begin
      while let Some(address) = items.first().map(&address_of).filter(|address| *address <= last) {
        let first = address.saturating_sub(WORTH_A_READ).max(start);
        let reach = first.saturating_add(bytes(WINDOW_WORDS)).min(end);
        let (together, rest) =
          items.split_at(count_near(items, &address_of, reach.saturating_sub(bytes(WIDTH))));
        items = rest;
        let behind = together.last().map_or(first, &address_of).saturating_add(WORTH_A_READ).min(reach);
        let window = words_between(first, behind).and_then(|count| words.get_mut(..count));
        let Some(words) = window.filter(|_| !together.is_empty()) else { return };
        if memory.read(first, words) {
          let window = Window { first, words };
          for item in together {
            if let Some(words) = window.at(address_of(item)) {
              found(item, words, &window);
            }
          }
        } else {
          // A page between them is gone since the look, as of memory that the look itself had: each by itself.
          for item in together {
            let first = address_of(item);
            let mut words = [0; WIDTH];
            if memory.read(first, &mut words) {
              found(item, &words, &Window { first, words: &words });
            }
          }
        }
      }
    }
  }
}

/// Those of the items whose address is not below `start`.
fn from<'a, T>(start: u64, items: &'a [T], address_of: &impl Fn(&T) -> u64) -> &'a [T] {
  let below = items.partition_point(|item| address_of(item) < start);
  items.get(below..).unwrap_or_default()
}

/// How many of the items up to the address `last` are read in one go.
fn count_near<T>(items: &[T], address_of: &impl Fn(&T) -> u64, last: u64) -> usize {
  let mut before = items.first().map_or(0, address_of);
  let near = items.iter().take_while(|item| {
    let address = address_of(item);
    let is_near = address <= last && address.saturating_sub(before) <= WORTH_A_READ;
    before = address;
    is_near
  });
  near.count()
}

/// Whether V8 may have asked for a small object here.
pub(super) fn may_hold_records(piece: &Piece) -> bool {
  piece.part == Part::NativeHeap && piece.backing == Backing::Anonymous
}

fn bytes(words: usize) -> u64 {
  u64::try_from(words).unwrap_or(u64::MAX).saturating_mul(WORD_BYTES)
}

fn words_between(start: u64, end: u64) -> Option<usize> {
  usize::try_from(end.checked_sub(start)?.checked_div(WORD_BYTES)?).ok()
}
