//! V8's heap pages and whose they are.
//!
//! V8 aligns heap pages to 256 KiB, and every page header leads to the heap it belongs to, which is a member of the
//! isolate: directly up to V8 12, through the page's metadata object from 13.6 on. Where exactly is not written down
//! here: it is found by looking for the address of an isolate that we know.

use super::PAGE_ALIGNMENT;
use crate::attribution::reading::Memory;
use crate::attribution::words::is_pointer;

/// The heap is embedded in the isolate, in its first part.
const ISOLATE_SPAN: u64 = 256 * 1024;
/// In Node 20, 22, 24 and 26 it begins 53,952 to 62,400 bytes behind the start of the isolate, and is itself larger than what is
/// left to this: what malloc put next lies further away. Where it should begin later one day, V8's own figure tells.
const NEAR: u64 = 64 * 1024;
/// How far into a header, and into what it points to, the search goes.
const SEARCHED_WORDS: usize = 48;
/// Words of a header that may lead to a metadata object.
const LEADS: [usize; 2] = [1, 2];
/// So many pages are read at once.
const SEARCHED_AT_ONCE: usize = 64;
/// The layout is settled when this many pages share it: an isolate has more, also a small one.
const ENOUGH_PAGES: usize = 8;

/// Where a page names its heap, and where the heap lies in its isolate. The same for all pages of a V8 build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HeaderLayout {
  route: Route,
  /// Address of the heap less the address of its isolate.
  heap_in_isolate: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Route {
  /// This word of the header.
  Header(usize),
  /// This word of what the header points to with another: the record of the page. A third word of the record says where
  /// in its page the objects begin; other memory may begin with a pointer to a record too, and has none of its own.
  Metadata { lead: usize, word: usize, home: Option<usize> },
}

impl HeaderLayout {
  /// Finds the layout that most pages of `isolate` share. `None` when no page leads to it.
  ///
  /// The pages of other isolates say nothing, and may come first by the thousand: the search ends as soon as enough
  /// pages agree.
  pub fn find(memory: &dyn Memory, pages: &[u64], isolate: u64) -> Option<Self> {
    let mut found = Vec::new();
    for pages in pages.chunks(SEARCHED_AT_ONCE) {
      count_routes(memory, pages, isolate, &mut found);
      if found.iter().any(|(layout, pages)| layout.is_near() && *pages >= ENOUGH_PAGES) {
        break;
      }
    }
    // Pages point to several members of their isolate; the heap is the one that all of them name. All of one space name
    // that too, and malloc may have put it right behind an isolate, its own or another.
    let by_votes = |(layout, pages): &(Self, usize)| (layout.is_near(), *pages);
    let (layout, _) = found.into_iter().rev().max_by_key(by_votes)?;
    Some(layout)
  }

  /// Whether what pages name surely is a member of the isolate.
  fn is_near(&self) -> bool {
    self.heap_in_isolate < NEAR
  }

  /// For each page the address of the isolate that its header leads to; 0 where it leads nowhere.
  pub(in crate::attribution) fn isolates_of(&self, memory: &dyn Memory, pages: &[u64]) -> Vec<u64> {
    let (word, home) = match self.route {
      Route::Header(word) => (word, None),
      Route::Metadata { word, home, .. } => (word, home),
    };
    let first = home.map_or(word, |home| home.min(word));
    let width = home.map_or(0, |home| home.abs_diff(word)).saturating_add(1);
    let mut words = Vec::new();
    memory.gather(&offset_all(&self.records_of(memory, pages), first), width, &mut words);
    let word_of = |record: &[u64], word: usize| record.get(word.saturating_sub(first)).copied().unwrap_or(0);
    let isolate_of = |(record, page): (&[u64], &u64)| {
      let is_its_own = home.is_none_or(|home| is_behind_header(word_of(record, home), *page));
      if is_its_own { word_of(record, word).saturating_sub(self.heap_in_isolate) } else { 0 }
    };
    words.chunks(width).zip(pages).map(isolate_of).collect()
  }

  /// For each page the address of the record that V8 keeps about it, which is the page itself up to V8 12; 0 where
  /// there is none.
  pub(super) fn records_of(&self, memory: &dyn Memory, pages: &[u64]) -> Vec<u64> {
    let Route::Metadata { lead, .. } = self.route else { return pages.to_vec() };
    let mut records = Vec::new();
    memory.gather(&offset_all(pages, lead), 1, &mut records);
    // Memory that is aligned like a page and is none has anything there: what is no pointer leads nowhere.
    records.iter_mut().filter(|address| !is_pointer(**address)).for_each(|address| *address = 0);
    records
  }
}

/// Counts for each layout the pages that lead to `isolate` by it.
fn count_routes(memory: &dyn Memory, pages: &[u64], isolate: u64, found: &mut Vec<(HeaderLayout, usize)>) {
  let mut headers = Vec::new();
  memory.gather(pages, SEARCHED_WORDS, &mut headers);
  let mut count = |route, heap: u64| {
    let layout = HeaderLayout { route, heap_in_isolate: heap.wrapping_sub(isolate) };
    match found.iter_mut().find(|(known, _)| *known == layout) {
      Some((_, pages)) => *pages = pages.saturating_add(1),
      None => found.push((layout, 1)),
    }
  };
  for (header, page) in headers.chunks(SEARCHED_WORDS).zip(pages) {
    for (position, word) in header.iter().enumerate() {
      if is_inside(*word, isolate) {
        count(Route::Header(position), *word);
      }
    }
    for lead in LEADS {
      let mut metadata = [0; SEARCHED_WORDS];
      let address = header.get(lead).copied().unwrap_or(0);
      if is_pointer(address) && memory.read(address, &mut metadata) {
        let home = metadata.iter().position(|value| is_behind_header(*value, *page));
        for (word, value) in metadata.iter().enumerate() {
          if is_inside(*value, isolate) {
            count(Route::Metadata { lead, word, home }, *value);
          }
        }
      }
    }
  }
}

fn is_inside(pointer: u64, isolate: u64) -> bool {
  pointer.wrapping_sub(isolate) < ISOLATE_SPAN && pointer.is_multiple_of(8)
}

/// Whether an address lies in a page, and not at its start.
fn is_behind_header(address: u64, page: u64) -> bool {
  (1..PAGE_ALIGNMENT).contains(&address.wrapping_sub(page))
}

/// The address of this word behind each address; nowhere stays nowhere.
pub(super) fn offset_all(addresses: &[u64], word: usize) -> Vec<u64> {
  let offset = u64::try_from(word).unwrap_or(0).saturating_mul(8);
  let behind = |address: &u64| if *address == 0 { 0 } else { address.saturating_add(offset) };
  addresses.iter().map(behind).collect()
}
