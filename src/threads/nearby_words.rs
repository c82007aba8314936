//! The words near a thread's control block, where its thread-local variables lie.

use std::collections::HashMap;

use crate::platform::{self, page_size, read_own_words};

/// Words read in one go. The thread's memory may end before the search does, at a page: no block reaches across one.
const BLOCK: usize = 64;

/// The words up to `reach` words below and above a control block, by their distance from it. Pages that are not in
/// memory are left alone: they may be a neighbour's, and reading would put them there.
pub(crate) fn nearby_words(control_block: u64, reach: usize) -> HashMap<u64, u64> {
  let reach = bytes(reach);
  let blocks = blocks_between(control_block.saturating_sub(reach), control_block.saturating_add(reach));
  let mut pages = HashMap::new();
  let mut found = HashMap::new();
  for address in blocks {
    let mut words = [0; BLOCK];
    if is_in_memory(address, &mut pages)
      && usize::try_from(address).is_ok_and(|address| read_own_words(address, &mut words))
    {
      let first = address.wrapping_sub(control_block);
      found.extend((0_u64..).step_by(8).map(|offset| first.wrapping_add(offset)).zip(words));
    }
  }
  found
}

/// The addresses of all blocks that touch the range.
fn blocks_between(start: u64, end: u64) -> impl Iterator<Item = u64> {
  let step = bytes(BLOCK);
  let first = start & !step.saturating_sub(1);
  std::iter::successors(Some(first), move |block| block.checked_add(step))
    .take_while(move |block| *block < end)
}

/// Whether the page of this address is in memory, as far as the kernel tells. `pages` has the answers given before.
fn is_in_memory(address: u64, pages: &mut HashMap<u64, bool>) -> bool {
  let page = address & !page_size().saturating_sub(1);
  *pages.entry(page).or_insert_with(|| platform::is_in_memory(page))
}

fn bytes(words: usize) -> u64 {
  u64::try_from(words.saturating_mul(8)).unwrap_or(u64::MAX)
}
