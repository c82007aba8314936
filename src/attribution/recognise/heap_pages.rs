//! Pages of JS heaps: which addresses may be some, the isolates that their headers lead to, and the rule that makes
//! pieces of them.

use super::scene::{Found, Place};
use crate::attribution::facts::{Facts, is_mapped_for_buffers};
use crate::attribution::piece::{Owner, Part};
use crate::attribution::reading::Memory;
use crate::attribution::region_kinds::is_immense;
use crate::attribution::v8_pages::{HeaderLayout, PAGE_ALIGNMENT};
use crate::attribution::words::is_pointer;
use crate::parse::maps::{self, Region};

/// A 256 KiB-aligned address that may be a V8 page.
#[derive(Debug, Clone, Copy)]
pub(super) struct HeapPage {
  pub(super) start: u64,
  /// The isolate that its header leads to.
  isolate: u64,
  /// Whether that isolate is alive, and uses it.
  pub(super) is_live: bool,
  /// Whether V8 has put it aside: its header leads to an isolate, but no space of it lists the page.
  is_put_aside: bool,
}

/// All of them, in the order of addresses.
#[derive(Debug, Default)]
pub struct HeapPages {
  pages: Vec<HeapPage>,
}

impl HeapPages {
  /// Reads the headers: of each region the first, and the others only where that leads to an isolate. What V8 maps
  /// begins with a page. Where the first page is in no list and its isolate on no other page in use, that isolate may have
  /// ended, or have its only pages in use further up: of such a region all pages are read.
  ///
  /// Other memory may be aligned alike, and what looks like a header may lead anywhere. So `memory` is to read what is
  /// there and nothing else: whoever reads memory that another serves, by a userfaultfd, waits until it is served.
  pub fn find(regions: &[Region], facts: &Facts, memory: &impl Memory) -> Self {
    let Some(layout) = facts.layout else { return Self { pages: Vec::new() } };
    let may_be_read = |region: &&Region| !is_mapped_for_buffers(&facts.buffer_mappings, region.start);
    let aligned = regions.iter().filter(|region| may_hold_heap_pages(region));
    let candidates: Vec<&Region> = aligned.filter(may_be_read).collect();
    let mut reader = Reader::new(regions, facts, &layout, memory);
    let mut pages = reader.headers(candidates.iter().map(|region| region.start).collect());
    reader.trust(pages.iter().zip(&candidates).map(|(page, region)| (page.isolate, region.size())).collect());
    reader.set_hollow_pages_aside(&mut pages, &candidates);
    reader.consult_lists(&mut pages);
    let leads = |page: &HeapPage| reader.is_alive(page.isolate) || reader.is_in_doubt(page);
    let led = candidates.iter().zip(&pages).filter(|(_, page)| leads(page));
    let others: Vec<u64> = led.flat_map(|(region, _)| heap_pages_in(region).skip(1)).collect();
    let mut others = reader.headers(others);
    reader.consult_lists(&mut others);
    pages.append(&mut others);
    pages.sort_by_key(|page| page.start); // two sorted lists: merging them is all there is to do
    for page in &mut pages {
      page.is_put_aside = !page.is_live && reader.is_alive(page.isolate);
    }
    Self { pages }
  }

  /// Pages from `start` to `end`.
  pub(super) fn within(&self, start: u64, end: u64) -> &[HeapPage] {
    let from = self.pages.partition_point(|page| page.start < start);
    let to = self.pages.partition_point(|page| page.start < end);
    self.pages.get(from..to).unwrap_or_default()
  }
}

/// Reads headers, and the lists of V8's spaces where there is reason to doubt a header.
struct Reader<'a, M> {
  regions: &'a [Region],
  facts: &'a Facts,
  layout: &'a HeaderLayout,
  memory: &'a M,
  /// Isolates that are known to be alive: somebody told, or a space of theirs lists a page. Asked a thousand times: in a
  /// sorted list that takes less than in a set.
  live: Vec<u64>,
  /// Isolates of which every header is believed.
  trusted: Vec<u64>,
}

impl<'a, M: Memory> Reader<'a, M> {
  fn new(regions: &'a [Region], facts: &'a Facts, layout: &'a HeaderLayout, memory: &'a M) -> Self {
    let mut live: Vec<u64> = facts.isolates.live.iter().copied().collect();
    live.sort_unstable();
    Self { regions, facts, layout, memory, live, trusted: Vec::new() }
  }

  /// The pages that may begin at these addresses, as their headers say.
  fn headers(&self, starts: Vec<u64>) -> Vec<HeapPage> {
    let isolates = self.layout.isolates_of(self.memory, &starts);
    let page = |(start, isolate)| {
      let is_live = self.is_alive(isolate);
      HeapPage { start, isolate, is_live, is_put_aside: false }
    };
    starts.into_iter().zip(isolates).map(page).collect()
  }

  /// Trusts the isolates whose pages, given with their sizes, are no more than they say. Those which told nothing are
  /// not among them.
  fn trust(&mut self, mut pages: Vec<(u64, u64)>) {
    pages.sort_unstable();
    let is_explained = |isolate: u64, bytes: u64| {
      self.facts.isolates.committed.get(&isolate).is_some_and(|committed| bytes <= *committed)
    };
    self.trusted = pages
      .chunk_by(|(isolate, _), (next, _)| isolate == next)
      .filter_map(|pages| {
        let (isolate, _) = *pages.first()?;
        let bytes = pages.iter().fold(0_u64, |sum, (_, size)| sum.saturating_add(*size));
        is_explained(isolate, bytes).then_some(isolate)
      })
      .collect();
  }

  /// Of most pages that V8 has put aside nothing but the header is left in memory. Those are few, and where they alone
  /// are more than an isolate says, the lists need not be asked about its others.
  fn set_hollow_pages_aside(&mut self, pages: &mut [HeapPage], regions: &[&Region]) {
    let Some(lists) = self.facts.lists else { return };
    let page_size = self.facts.page_size;
    let is_hollow = |region: &Region| {
      let behind_header = region.start.saturating_add(page_size);
      self.memory.readable_pages(behind_header, region.end, page_size, 1).is_empty()
    };
    let in_doubt = pages.iter().zip(regions).filter(|(page, _)| self.is_in_doubt(page));
    let hollow: Vec<u64> =
      in_doubt.filter(|(_, region)| is_hollow(region)).map(|(page, _)| page.start).collect();
    let listed = lists.are_listed(self.memory, self.layout, &hollow);
    let unlisted: Vec<u64> =
      hollow.into_iter().zip(listed).filter(|(_, is_listed)| !is_listed).map(|(page, _)| page).collect();
    if unlisted.is_empty() {
      return;
    }
    let is_unlisted = |page: &HeapPage| unlisted.binary_search(&page.start).is_ok();
    for page in pages.iter_mut().filter(|page| is_unlisted(page)) {
      page.is_live = false;
    }
    let others = pages.iter().zip(regions).filter(|(page, _)| !is_unlisted(page));
    self.trust(others.map(|(page, region)| (page.isolate, region.size())).collect());
  }

  /// Where an isolate that is alive, or was, has pages that it may not use, the lists of its spaces tell which. They
  /// prove an isolate alive that nobody told of.
  fn consult_lists(&mut self, pages: &mut [HeapPage]) {
    let Some(lists) = self.facts.lists else { return };
    let in_doubt = || pages.iter().filter(|page| self.is_in_doubt(page));
    let mut isolates: Vec<u64> = in_doubt().map(|page| page.isolate).collect();
    isolates.sort_unstable();
    isolates.dedup();
    isolates.retain(|isolate| self.may_be_isolate(*isolate));
    let is_asked = |page: &HeapPage| self.is_in_doubt(page) && isolates.binary_search(&page.isolate).is_ok();
    let starts: Vec<u64> = pages.iter().filter(|page| is_asked(page)).map(|page| page.start).collect();
    let listed = lists.are_listed(self.memory, self.layout, &starts);
    for (page, is_listed) in pages.iter_mut().filter(|page| is_asked(page)).zip(listed) {
      page.is_live = is_listed;
    }
    self.live.extend(pages.iter().filter(|page| page.is_live).map(|page| page.isolate));
    self.live.sort_unstable();
    self.live.dedup();
  }

  /// Whether a header alone does not tell whose a page is, and the lists can.
  fn is_in_doubt(&self, page: &HeapPage) -> bool {
    self.facts.lists.is_some()
      && is_pointer(page.isolate)
      && self.trusted.binary_search(&page.isolate).is_err()
  }

  /// Whether an isolate may lie at an address: V8 allocates it. What stands inside of a large object may look like a header
  /// that leads there, and mostly leads nowhere.
  fn may_be_isolate(&self, address: u64) -> bool {
    maps::region_at(self.regions, address).is_some_and(|region| region.inode == 0 && region.access.write)
  }

  fn is_alive(&self, isolate: u64) -> bool {
    self.live.binary_search(&isolate).is_ok()
  }
}

/// A run of pages of one owner. A large object spans several page-sized steps and has one header, at its start.
pub(super) fn pages_of_one_owner(place: &Place) -> Option<Found> {
  let (start, region, facts) = (place.start, place.region, place.facts());
  if !start.is_multiple_of(PAGE_ALIGNMENT) {
    return None;
  }
  if facts.layout.is_none() {
    let alike = facts.engine_is_v8 && place.begins_region() && looks_like_heap_page(place.memory(), start);
    return alike.then(|| place.whole(Part::V8Heap, Owner::V8));
  }
  let (first, rest) = place.scene.heaps.within(start, region.end).split_first()?;
  if first.start != start {
    return None;
  }
  let is_another = |page: &&HeapPage| {
    page.is_put_aside != first.is_put_aside || (page.is_live && page.isolate != first.isolate)
  };
  let next = rest.iter().filter(|page| page.is_live || page.is_put_aside).find(is_another);
  let end = next.map_or(region.end, |page| page.start);
  if !(first.is_live || first.is_put_aside || are_heap_pages(place.memory(), start, end)) {
    return None;
  }
  let (part, owner) = part_of(first, region.access.write, facts);
  Some(Found { end, part, owner })
}

/// What a page is. Where the lists of V8's spaces are known, they prove an isolate alive that nobody told of.
fn part_of(page: &HeapPage, writable: bool, facts: &Facts) -> (Part, Owner) {
  if page.is_live {
    (Part::V8Heap, Owner::Isolate(page.isolate))
  } else if !writable {
    (Part::V8Heap, Owner::V8) // the read-only space, shared by all isolates
  } else if page.is_put_aside || facts.lists.is_some() || facts.isolates.complete {
    (Part::V8Pool, Owner::V8)
  } else {
    (Part::V8Heap, Owner::V8)
  }
}

/// Whether everything from `start` to `end` is made of whole pages that look like V8's. Other allocators align their
/// memory alike, and its first words may look like a header by chance; those of every page do not.
fn are_heap_pages(memory: &dyn Memory, start: u64, end: u64) -> bool {
  let mut page = start;
  while page < end && looks_like_heap_page(memory, page) {
    page = page.saturating_add(PAGE_ALIGNMENT);
  }
  page == end
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

/// Addresses inside a region where pages may start.
fn heap_pages_in(region: &Region) -> impl Iterator<Item = u64> {
  let next = |page: &u64| page.checked_add(PAGE_ALIGNMENT);
  let end = region.end;
  std::iter::successors(Some(region.start), next).take_while(move |page| *page < end)
}

/// Flags in the first word, a pointer in the second or third.
pub(super) fn looks_like_heap_page(memory: &dyn Memory, page: u64) -> bool {
  let mut header = [0; 3];
  memory.read(page, &mut header) && {
    let [first, second, third] = header;
    first != 0 && first < 1 << 32 && (is_pointer(second) || is_pointer(third))
  }
}
