//! Which arena of glibc's malloc every thread allocates from, whether it loaded the package or not.
//!
//! glibc keeps that in a thread-local variable, at the same distance from the control block in every thread. Where, is
//! found by looking for the one place that holds an arena in all threads, and in those that registered the one that
//! they really allocate from.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

use crate::attribution::{ThreadArena, is_arena_address};
use crate::platform::{OwnMemory, ThreadPlace};
use crate::threads::nearby_words::nearby_words;

/// How far below and above the control block the variable is looked for, in words.
const SEARCHED_WORDS: usize = 512;

/// The variable, once it is known beyond doubt.
static PLACE: OnceLock<Place> = OnceLock::new();

#[derive(Clone, Copy)]
struct Place {
  /// From the control block.
  distance: u64,
  /// What it holds in threads that use the main arena.
  main_arena: u64,
}

/// The arena of every thread that has one; `None` when the variable was not found.
///
/// `arenas` are the addresses of those that exist, `registered` what threads told of themselves. The main arena has no
/// address of its own here: it is what `main_thread` has.
pub(super) fn arenas_of(
  threads: &[ThreadPlace],
  arenas: &HashSet<u64>,
  registered: &HashMap<i32, ThreadArena>,
  main_thread: i32,
  memory: &OwnMemory,
) -> Option<HashMap<i32, ThreadArena>> {
  let blocks: Vec<(i32, u64)> =
    threads.iter().filter_map(|thread| Some((thread.tid, thread.control_block?))).collect();
  let main_block = blocks.iter().find_map(|(tid, block)| (*tid == main_thread).then_some(*block))?;
  let place = if let Some(place) = PLACE.get() {
    *place
  } else {
    let place = find(&blocks, main_block, arenas, registered)?;
    *PLACE.get_or_init(|| place)
  };
  let addresses: Vec<u64> = blocks.iter().map(|(_, block)| block.wrapping_add(place.distance)).collect();
  let mut words = Vec::new();
  memory.gather(&addresses, 1, &mut words);
  let arena_of = |word| arena_at(word, place.main_arena, arenas).unwrap_or(ThreadArena::None);
  Some(blocks.into_iter().zip(words).map(|((tid, _), word)| (tid, arena_of(word))).collect())
}

/// The distance at which all threads have an arena or nothing, no registered one has another than it said, and more
/// threads have one of their own than at any other such distance.
fn find(
  blocks: &[(i32, u64)],
  main_block: u64,
  arenas: &HashSet<u64>,
  registered: &HashMap<i32, ThreadArena>,
) -> Option<Place> {
  let words: Vec<(i32, HashMap<u64, u64>)> =
    blocks.iter().map(|(tid, block)| (*tid, nearby_words(*block, SEARCHED_WORDS))).collect();
  let of_main = nearby_words(main_block, SEARCHED_WORDS);
  let is_main = |word: u64| word != 0 && word.is_multiple_of(8) && !arenas.contains(&word);
  let mut found: Vec<(usize, Place)> = of_main
    .into_iter()
    .filter(|(_, main_arena)| is_main(*main_arena))
    .filter_map(|(distance, main_arena)| {
      let place = Place { distance, main_arena };
      Some((threads_with_arenas(place, &words, arenas, registered)?, place))
    })
    .collect();
  found.sort_unstable_by_key(|(threads, _)| Reverse(*threads));
  match found.as_slice() {
    [(1.., place)] => Some(*place),
    [(most, place), (next, _), ..] if most > next => Some(*place),
    _ => None,
  }
}

/// How many threads have an arena of their own at this place; `None` where one has what is none, or another than it
/// said.
fn threads_with_arenas(
  place: Place,
  words: &[(i32, HashMap<u64, u64>)],
  arenas: &HashSet<u64>,
  registered: &HashMap<i32, ThreadArena>,
) -> Option<usize> {
  let mut threads = 0_usize;
  for (tid, words) in words {
    let word = words.get(&place.distance).copied().unwrap_or(0); // what is not in memory was never written
    let arena = arena_at(word, place.main_arena, arenas)?;
    let told = registered.get(tid).copied().unwrap_or(ThreadArena::None);
    if told != ThreadArena::None && told != arena {
      return None;
    }
    threads = threads.saturating_add(usize::from(matches!(arena, ThreadArena::At(_))));
  }
  Some(threads)
}

/// What a word says of a thread's arena; `None` when it is no such word.
fn arena_at(word: u64, main: u64, arenas: &HashSet<u64>) -> Option<ThreadArena> {
  if word == 0 {
    Some(ThreadArena::None)
  } else if word == main {
    Some(ThreadArena::Main)
  } else {
    // One that was made after the regions were read is told by its place alone.
    (arenas.contains(&word) || is_arena_address(word)).then_some(ThreadArena::At(word))
  }
}
