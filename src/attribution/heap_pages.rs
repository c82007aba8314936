//! Which addresses may be V8's heap pages, and the isolates that their headers lead to.

use super::Memory;
use super::classify::{Facts, is_immense, is_mapped_for_buffers, is_pointer};
use super::v8_pages::PAGE_ALIGNMENT;
use crate::parse::maps::Region;

/// A 256 KiB-aligned address that may be a V8 page.
#[derive(Debug, Clone, Copy)]
pub(super) struct HeapPage {
  pub(super) start: u64,
  /// The isolate that its header leads to.
  pub(super) isolate: u64,
  /// Whether that isolate is alive.
  pub(super) is_live: bool,
}

/// All of them, in the order of addresses.
#[derive(Debug, Default)]
pub struct HeapPages {
  pages: Vec<HeapPage>,
}

impl HeapPages {
  /// Reads the headers: of each region the first, and the others only where that leads to a live isolate. What V8 maps
  /// begins with a page, and reading memory that was never touched would map a page of zeros every 256 KiB.
  ///
  /// Other memory may be aligned alike: of that, only what `is_there` is read. To ask costs as much as to read, so what
  /// is nobody's but V8's by its place and size is not asked about.
  pub fn find(
    regions: &[Region],
    facts: &Facts,
    memory: &impl Memory,
    is_there: impl Fn(u64) -> bool,
  ) -> Self {
    let Some(layout) = facts.layout else { return Self { pages: Vec::new() } };
    let may_be_read = |(index, region): &(usize, &Region)| {
      !is_mapped_for_buffers(&facts.buffer_mappings, region.start)
        && (is_lone_page(regions, *index, region) || is_there(region.start))
    };
    let aligned = regions.iter().enumerate().filter(|(_, region)| may_hold_heap_pages(region));
    let candidates: Vec<&Region> = aligned.filter(may_be_read).map(|(_, region)| region).collect();
    let firsts: Vec<u64> = candidates.iter().map(|region| region.start).collect();
    // Asked a thousand times: in a sorted list that takes less than in a set.
    let mut live: Vec<u64> = facts.isolates.live.iter().copied().collect();
    live.sort_unstable();
    let read = |starts: Vec<u64>| {
      let isolates = layout.isolates_of(memory, &starts);
      let page =
        |(start, isolate)| HeapPage { start, isolate, is_live: live.binary_search(&isolate).is_ok() };
      starts.into_iter().zip(isolates).map(page).collect::<Vec<_>>()
    };
    let mut pages = read(firsts);
    let led = candidates.iter().zip(&pages).filter(|(_, page)| page.is_live).map(|(region, _)| region);
    let others: Vec<u64> = led.flat_map(|region| heap_pages_in(region).skip(1)).collect();
    pages.extend(read(others));
    pages.sort_by_key(|page| page.start); // two sorted lists: merging them is all there is to do
    Self { pages }
  }

  /// Whether a region is made of pages of this isolate and nothing else.
  pub(super) fn all_belong_to(&self, region: &Region, isolate: u64) -> bool {
    let pages = self.within(region.start, region.end);
    pages.first().is_some_and(|first| first.start == region.start)
      && pages.iter().all(|page| page.isolate == isolate)
  }

  /// Pages from `start` to `end`.
  pub(super) fn within(&self, start: u64, end: u64) -> &[HeapPage] {
    let from = self.pages.partition_point(|page| page.start < start);
    let to = self.pages.partition_point(|page| page.start < end);
    self.pages.get(from..to).unwrap_or_default()
  }
}

/// The first address of each region that may hold V8 pages.
pub fn heap_page_candidates(regions: &[Region]) -> Vec<u64> {
  regions.iter().filter(|region| may_hold_heap_pages(region)).map(|region| region.start).collect()
}

/// Aligned, private, anonymous, readable, not code. V8 maps whole pages, so the first of a region starts with it.
fn may_hold_heap_pages(region: &Region) -> bool {
  region.is_plain_anonymous()
    && region.access.read
    && !region.access.execute
    && region.start.is_multiple_of(PAGE_ALIGNMENT)
    && !is_immense(region)
}

/// Whether a region is one page of V8's with nothing on either side: V8 puts its pages at random places, and the kernel
/// puts what others map beside what is there.
fn is_lone_page(regions: &[Region], index: usize, region: &Region) -> bool {
  let before = index.checked_sub(1).and_then(|before| regions.get(before));
  let after = regions.get(index.saturating_add(1));
  region.size() == PAGE_ALIGNMENT
    && before.is_none_or(|before| before.end < region.start)
    && after.is_none_or(|after| region.end < after.start)
}

/// Addresses inside a region where pages may start.
fn heap_pages_in(region: &Region) -> impl Iterator<Item = u64> {
  let next = |page: &u64| page.checked_add(PAGE_ALIGNMENT);
  let end = region.end;
  std::iter::successors(Some(region.start), next).take_while(move |page| *page < end)
}

/// Flags in the first word, a pointer in the second or third.
pub(super) fn looks_like_heap_page(memory: &impl Memory, page: u64) -> bool {
  let mut header = [0; 3];
  memory.read(page, &mut header) && {
    let [first, second, third] = header;
    first != 0 && first < 1 << 32 && (is_pointer(second) || is_pointer(third))
  }
}
