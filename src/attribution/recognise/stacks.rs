//! Stacks of threads, of those that run and of those that ended.

use super::scene::{Found, Place};
use crate::attribution::facts::Facts;
use crate::attribution::piece::{Owner, Part};
use crate::attribution::reading::Memory;

/// glibc puts the control block at the top of a stack's mapping; this much of it lies behind the known address.
const CONTROL_BLOCK_REST: u64 = 1600;

/// The stack of a thread that runs.
#[derive(Debug, Clone, Copy)]
struct Stack {
  thread: i32,
  /// The known address in the control block.
  block: u64,
  /// First address and first behind, where the control block says so.
  bounds: Option<(u64, u64)>,
}

/// The stacks of all threads, in the order of their control blocks.
#[derive(Debug, Default)]
pub(super) struct Stacks(Vec<Stack>);

impl Stacks {
  pub(super) fn of(facts: &Facts, memory: &dyn Memory) -> Self {
    let blocks = &facts.control_blocks;
    let bounds = facts
      .stack_bounds
      .map_or_else(|| vec![None; blocks.len()], |places| places.of(memory, blocks, facts.main_thread));
    let stack = |((thread, block), bounds): (&(i32, u64), Option<(u64, u64)>)| Stack {
      thread: *thread,
      block: *block,
      bounds,
    };
    let mut stacks: Vec<Stack> = blocks.iter().zip(bounds).map(stack).collect();
    stacks.sort_by_key(|stack| stack.block);
    Self(stacks)
  }

  /// Where the first stack behind `start` begins, as far as that is known: its page or that of its control block.
  pub(super) fn next_start(&self, start: u64, page_size: u64) -> Option<u64> {
    let begins = |stack: &Stack| page_of(stack.bounds.map_or(stack.block, |(first, _)| first), page_size);
    let behind = self.0.partition_point(|stack| page_of(stack.block, page_size) <= start);
    self.0.get(behind..)?.iter().map(begins).find(|begin| *begin > start)
  }
}

/// A thread's stack: as its control block says, or else from its guard to the control block.
pub(super) fn of_thread(place: &Place) -> Option<Found> {
  let stacks = &place.scene.stacks.0;
  let next = stacks.partition_point(|stack| stack.block < place.start);
  // Above the control block a stack goes on for a page at most: it may be the one before.
  let near = next.saturating_sub(1)..next.saturating_add(1);
  let page_size = place.page_size();
  stacks.get(near.start..near.end.min(stacks.len()))?.iter().find_map(|stack| {
    let end = match stack.bounds {
      Some((first, end)) => (page_of(first, page_size)..end).contains(&place.start).then_some(end)?,
      None => end_without_bounds(stack, place)?,
    };
    let end = end.checked_next_multiple_of(page_size)?.min(place.region.end);
    Some(Found { end, part: Part::Stacks, owner: Owner::Thread(stack.thread) })
  })
}

/// The end of a stack that begins here, where nothing tells how far down it reaches.
fn end_without_bounds(stack: &Stack, place: &Place) -> Option<u64> {
  let holds_block = place.start <= stack.block && stack.block < place.region.end;
  let begins_here =
    stack.thread != place.facts().main_thread || place.start == page_of(stack.block, place.page_size());
  (holds_block && begins_here).then(|| stack.block.saturating_add(CONTROL_BLOCK_REST))
}

/// The stack of a thread that ended: glibc keeps it for the next one, with the dead control block at its top.
pub(super) fn left_behind(place: &Place) -> Option<Found> {
  const SEARCHED_WORDS: usize = 512;
  if place.facts().unmaps_stacks {
    return None;
  }
  let guard = place.before()?;
  let top = place.region.end.checked_sub(place.page_size())?;
  let is_guarded = place.begins_region() && guard.access.is_none();
  let words: [u64; SEARCHED_WORDS] = if is_guarded { place.words_at(top)? } else { return None };
  let names_itself = words.iter().zip((top..).step_by(8)).any(|(word, address)| *word == address);
  names_itself.then(|| place.whole(Part::Stacks, Owner::Process))
}

fn page_of(address: u64, page_size: u64) -> u64 {
  address.saturating_sub(address.checked_rem(page_size).unwrap_or(0))
}
