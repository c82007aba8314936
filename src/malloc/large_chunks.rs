//! How much glibc's malloc has in chunks with a mapping of their own, by its own count.
//!
//! The count is a word of the library's data that no function tells without walking all free lists. Where it is, is
//! found out once: it is the word that grows by the size of a chunk while that is there, and by nothing else.

use std::sync::OnceLock;

use super::headers_are_known;
use crate::parse::maps::{self, Region};
use crate::platform::{find_symbol, read_maps, read_own_words};

/// Bytes in large chunks; `None` where the count was not found.
pub fn bytes_in_large_chunks() -> Option<u64> {
  static COUNTER: OnceLock<Option<usize>> = OnceLock::new();
  let counter = (*COUNTER.get_or_init(find_counter))?;
  word_at(counter)
}

fn find_counter() -> Option<usize> {
  /// Other threads may map chunks at the same moment.
  const TRIES: usize = 4;
  if !headers_are_known() {
    return None;
  }
  let data = data_of_library()?;
  (0..TRIES).find_map(|_| counter_in(&data))
}

/// The address of the one word of these ranges that counts a chunk as long as it exists.
fn counter_in(data: &[(usize, usize)]) -> Option<usize> {
  /// Above the largest threshold that glibc adapts to, so the chunk changes no threshold when it is freed.
  const SIZE: usize = 33 * 1024 * 1024;
  const FLAGS: u64 = 7;
  const IS_MAPPED: u64 = 2;
  let before = words_of(data);
  // SAFETY: malloc takes any size.
  let block = unsafe { libc::malloc(SIZE) };
  let size_and_flags = block.addr().checked_sub(size_of::<u64>()).and_then(word_at);
  let during = words_of(data);
  // SAFETY: the block came from malloc, and nobody else knows it; free takes null too.
  unsafe { libc::free(block) };
  let after = words_of(data);
  let size = size_and_flags.filter(|word| word & FLAGS == IS_MAPPED)? & !FLAGS;
  let counts = before.iter().zip(&during).zip(&after);
  let mut counters = counts.filter_map(|(((address, before), (_, during)), (_, after))| {
    (during.checked_sub(*before) == Some(size) && before == after).then_some(*address)
  });
  let counter = counters.next()?;
  counters.next().is_none().then_some(counter)
}

/// The written data of the library that has malloc, as ranges of addresses.
fn data_of_library() -> Option<Vec<(usize, usize)>> {
  let function = u64::try_from(find_symbol(c"malloc_info")?.addr()).ok()?;
  let text = read_maps().ok()?;
  let mut regions = Vec::new();
  maps::parse(&text, &mut regions).ok()?;
  let library = regions.iter().find(|region| (region.start..region.end).contains(&function))?.inode;
  let is_data = |region: &&Region| {
    region.inode == library && library != 0 && region.access.write && !region.access.shared
  };
  let range =
    |region: &Region| Some((usize::try_from(region.start).ok()?, usize::try_from(region.end).ok()?));
  regions.iter().filter(is_data).map(range).collect()
}

/// All words of these ranges that can be read, with their addresses.
fn words_of(ranges: &[(usize, usize)]) -> Vec<(usize, u64)> {
  const BLOCK: usize = 512;
  let blocks = ranges.iter().flat_map(|(start, end)| (*start..*end).step_by(BLOCK.saturating_mul(8)));
  let words_of_block = |start: usize| {
    let mut words = [0; BLOCK];
    let is_read = read_own_words(start, &mut words);
    (start..).step_by(8).zip(words).filter(move |_| is_read)
  };
  blocks.flat_map(words_of_block).collect()
}

fn word_at(address: usize) -> Option<u64> {
  let mut word = [0];
  let is_read = read_own_words(address, &mut word);
  let [word] = word;
  is_read.then_some(word)
}
