//! Where something that is known begins, behind memory whose end nothing tells.

use super::malloc_headers::Header;
use super::scene::Place;
use super::{arenas, low_level_alloc, main_arena};

/// Headers that are read in one go: few, for what was there a moment ago may be gone.
const BATCH: usize = 256;

/// The next of everything that is recognised, or the end of the region. What was here may be gone since the regions
/// were read: our own memory is among it.
pub(super) fn start_of_anything(place: &Place) -> u64 {
  start_of(place, |page, words| is_anything(place, page, words))
}

/// The same behind memory that nothing explains. Where that stood before, its end is known and no more than looked at:
/// all of an addon's gigabytes would be searched for a header again and again.
pub(super) fn end_of_unexplained(place: &Place) -> u64 {
  let limit = start_by_address(place);
  let is_end = |end: &u64| {
    let begins = |end| place.words_at(end).is_some_and(|words| is_anything(place, end, words));
    *end == limit || (*end < limit && begins(*end))
  };
  place.scene.expected_end(place.start).filter(is_end).unwrap_or_else(|| start_of_anything(place))
}

fn is_anything(place: &Place, page: u64, words: [u64; 2]) -> bool {
  is_allocation(place, page, words)
    || (Header::of(words).is_first_in_main_arena() && main_arena::begins_at(place, page))
}

/// The same without pieces of the main arena, which may follow each other without a border.
pub(super) fn start_of_allocation(place: &Place) -> u64 {
  start_of(place, |page, words| is_allocation(place, page, words))
}

/// Whether a page begins with a header of a large chunk of malloc's, or of a block of Abseil's.
fn is_allocation(place: &Place, page: u64, words: [u64; 2]) -> bool {
  let reach = place.reach();
  let is_large_chunk = || Header::of(words).end_of_large_chunk(page, reach, place.page_size()).is_some();
  (place.facts().malloc_is_glibc && is_large_chunk())
    || low_level_alloc::block_end(words, page, reach).is_some()
}

/// What is known by its address comes first; before that, a page with a header that is known.
fn start_of(place: &Place, is_known: impl Fn(u64, [u64; 2]) -> bool) -> u64 {
  let limit = start_by_address(place);
  next_header(place, limit, is_known).unwrap_or(limit)
}

/// Where something begins that is known by its address, or the end of the region.
fn start_by_address(place: &Place) -> u64 {
  let (start, page_size) = (place.start, place.page_size());
  let stack = place.scene.stacks.next_start(start, page_size);
  let by_address = [stack, next_buffer(place), arenas::next_heap(place, start), next_heap_page(place)];
  by_address.into_iter().flatten().fold(place.region.end, u64::min)
}

fn next_buffer(place: &Place) -> Option<u64> {
  let buffers = &place.facts().buffers;
  let behind = buffers.partition_point(|buffer| buffer.start <= place.start);
  let mut buffers = buffers.get(behind..).unwrap_or_default().iter().map(|buffer| buffer.start);
  let buffer = buffers.find(|start| start.is_multiple_of(place.page_size()));
  let mappings = &place.facts().buffer_mappings;
  let behind = mappings.partition_point(|(start, _)| *start <= place.start);
  let mapping = mappings.get(behind).map(|(start, _)| *start);
  buffer.into_iter().chain(mapping).min()
}

fn next_heap_page(place: &Place) -> Option<u64> {
  let mut pages = place.scene.heaps.within(place.start.saturating_add(1), place.region.end).iter();
  pages.find(|page| page.is_live).map(|page| page.start)
}

/// The first page behind the start, and before `limit`, that begins with two words that are known.
fn next_header(place: &Place, limit: u64, is_known: impl Fn(u64, [u64; 2]) -> bool) -> Option<u64> {
  let page_size = place.page_size();
  // Pages that are not there cost nothing, however many they are: what was mapped and never touched.
  let mut allowed = place.scene.searchable_pages();
  let mut start = place.start.checked_add(page_size)?;
  let mut words = Vec::new();
  while allowed > 0 {
    let most = usize::try_from(allowed).unwrap_or(BATCH).min(BATCH);
    let mut pages = place.memory().readable_pages(start, limit, page_size, most);
    start = pages.last()?.saturating_add(page_size);
    allowed = allowed.saturating_sub(u64::try_from(pages.len()).unwrap_or(u64::MAX));
    place.memory().retain_resident(&mut pages, page_size); // they are many, and were counted a while ago
    place.memory().gather(&pages, 2, &mut words);
    place.scene.note_searched(pages.len());
    let mut headers = pages.into_iter().zip(words.as_chunks().0);
    if let Some((page, _)) = headers.find(|(page, words)| is_known(*page, **words)) {
      return Some(page);
    }
  }
  None
}
