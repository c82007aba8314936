//! Which of V8's pages are in use, told by the lists of its spaces.
//!
//! A header goes on to name its heap after V8 has taken the page out of use: it waits in a pool, the isolate may have
//! ended since, and the next one may begin at that very address. But V8 takes a page out of the list of its space
//! first. So a page in use is known by its neighbours in that list, or, where it is the only one, by the space that
//! begins and ends its list with it. Where the links stand is not written down here: it is found in an isolate that
//! we know, as the one place where pages name each other in pairs.

use std::collections::HashMap;

use super::header_layout::{HeaderLayout, offset_all};
use crate::attribution::reading::Memory;
use crate::attribution::words::is_pointer;

/// How far into the record of a page the links and the space are looked for.
const SEARCHED_WORDS: usize = 64;
/// How far into a space the start of its list is looked for.
const SEARCHED_WORDS_OF_SPACE: usize = 64;
/// Pages that are enough to find the links by.
const ENOUGH_PAGES: usize = 96;
/// So many pairs of neighbours are no coincidence. The smallest isolate has more.
const ENOUGH_PAIRS: usize = 4;

/// Where the record of a page has its links, and the space its list. The same for all pages of a V8 build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PageLists {
  /// The word with the record of the next page; the one behind it has that of the page before.
  next: usize,
  /// The word with the address of the space, and the word of the space with the record of its first page. `None` where
  /// no space could be recognised: a page that is alone in its list is then not told from one in none.
  space: Option<(usize, usize)>,
}

impl PageLists {
  /// Finds the links in the records of these pages, all of one isolate. `None` when they do not name each other.
  pub fn find(memory: &impl Memory, layout: &HeaderLayout, pages: &[u64], isolate: u64) -> Option<Self> {
    let isolates = layout.isolates_of(memory, pages);
    let own = pages.iter().zip(isolates).filter(|(_, owner)| *owner == isolate).map(|(page, _)| *page);
    let pages: Vec<u64> = own.take(ENOUGH_PAGES).collect();
    let addresses = layout.records_of(memory, &pages);
    let mut words = Vec::new();
    memory.gather(&addresses, SEARCHED_WORDS, &mut words);
    let records: HashMap<u64, &[u64]> =
      addresses.iter().copied().zip(words.chunks_exact(SEARCHED_WORDS)).collect();
    let (next, _) = (0..SEARCHED_WORDS.saturating_sub(1))
      .map(|next| (next, pairs(&records, next)))
      .filter(|(_, pairs)| *pairs >= ENOUGH_PAIRS)
      .max_by_key(|(_, pairs)| *pairs)?;
    Some(Self { next, space: find_space(memory, &records, next) })
  }

  /// For each page whether it is in the list of a space.
  pub(in crate::attribution) fn are_listed(
    &self,
    memory: &dyn Memory,
    layout: &HeaderLayout,
    pages: &[u64],
  ) -> Vec<bool> {
    let records = layout.records_of(memory, pages);
    let mut links = Vec::new();
    memory.gather(&offset_all(&records, self.next), 2, &mut links);
    let (links, _) = links.as_chunks::<2>();
    // A record that was freed may hold anything by now. One that a link leads to links back.
    let forward: Vec<u64> = links.iter().map(|[next, _]| pointer_or_null(*next)).collect();
    let backward: Vec<u64> = links.iter().map(|[_, previous]| pointer_or_null(*previous)).collect();
    let mut from_next = Vec::new();
    memory.gather(&offset_all(&forward, self.next.saturating_add(1)), 1, &mut from_next);
    let mut from_previous = Vec::new();
    memory.gather(&offset_all(&backward, self.next), 1, &mut from_previous);
    let is_linked = records.iter().zip(from_next.iter().zip(&from_previous));
    let mut listed: Vec<bool> = is_linked
      .map(|(record, (next, previous))| *record != 0 && (next == record || previous == record))
      .collect();
    self.add_lone_pages(memory, &records, links, &mut listed);
    listed
  }

  /// Marks the pages without neighbours whose space has them for its first.
  fn add_lone_pages(&self, memory: &dyn Memory, records: &[u64], links: &[[u64; 2]], listed: &mut [bool]) {
    let Some((space, first)) = self.space else { return };
    let places = listed.iter_mut().zip(records.iter().zip(links));
    for (is_listed, (record, _)) in places.filter(|(_, (_, links))| **links == [0, 0]) {
      let space = read_at(memory, *record, space).filter(|space| is_pointer(*space));
      *is_listed = space.and_then(|space| read_at(memory, space, first)) == Some(*record);
    }
  }
}

/// How many records name another at this word that names them back at the next.
fn pairs(records: &HashMap<u64, &[u64]>, next: usize) -> usize {
  let names_back = |(address, words): &(&u64, &&[u64])| {
    let named = words.get(next).filter(|named| named != address).and_then(|named| records.get(named));
    named.and_then(|named| named.get(next.saturating_add(1))) == Some(*address)
  };
  records.iter().filter(names_back).count()
}

/// The word of a first page that leads to an object with that page, and where the object has it: the place on which
/// most first pages agree.
fn find_space(memory: &impl Memory, records: &HashMap<u64, &[u64]>, next: usize) -> Option<(usize, usize)> {
  let mut votes: HashMap<(usize, usize), usize> = HashMap::new();
  let previous = next.saturating_add(1);
  let first_pages = records
    .iter()
    .filter(|(_, words)| words.get(previous) == Some(&0) && words.get(next).is_some_and(|next| *next != 0));
  for (address, words) in first_pages {
    for (word, pointer) in words.iter().enumerate().filter(|(_, word)| is_pointer(**word)) {
      let mut space = [0; SEARCHED_WORDS_OF_SPACE];
      if records.contains_key(pointer) || !memory.read(*pointer, &mut space) {
        continue;
      }
      for (position, _) in space.iter().enumerate().filter(|(_, value)| *value == address) {
        let votes = votes.entry((word, position)).or_default();
        *votes = votes.saturating_add(1);
      }
    }
  }
  let (place, votes) = votes.into_iter().max_by_key(|(place, votes)| (*votes, std::cmp::Reverse(*place)))?;
  (votes > 1).then_some(place)
}

fn pointer_or_null(word: u64) -> u64 {
  if is_pointer(word) { word } else { 0 }
}

fn read_at(memory: &dyn Memory, address: u64, word: usize) -> Option<u64> {
  let mut words = [0];
  let offset = u64::try_from(word).ok()?.checked_mul(8)?;
  let is_read = address != 0 && memory.read(address.checked_add(offset)?, &mut words);
  let [word] = words;
  is_read.then_some(word)
}
