//! Any `maps`, any memory behind it: every piece that `classify` gives has one place.
//!
//! The input is the text of `maps` up to the first zero byte, then one byte of circumstances, then the words of the
//! memory.

#![no_main]

use std::cell::Cell;
use std::collections::HashSet;

use libfuzzer_sys::fuzz_target;
use rs_memusage::attribution::{
  Facts, KnownPlaces, HeaderLayout, HeapPages, Isolates, Memory, Search, classify, heap_page_candidates,
};
use rs_memusage::parse::maps::{self, Region};

const PAGE: u64 = 4096;
/// What is asked of each address costs time and memory: more of it only makes the runs fewer.
const LARGEST_REGION: u64 = 128 << 20;
/// Where the isolates of this process are.
const ISOLATES: [u64; 2] = [0x1_0000_0000, 0x2_0000_0000];

fuzz_target!(|input: &[u8]| {
  let length = input.iter().position(|byte| *byte == 0).unwrap_or(input.len());
  let (text, rest) = input.split_at(length);
  let (circumstances, words) = rest.get(1..).and_then(<[u8]>::split_first).unwrap_or((&0, &[]));
  let mut regions = Vec::new();
  let _those_before_the_malformed_line_count = maps::parse(text, &mut regions);
  regions.retain(|region| region.size() <= LARGEST_REGION);

  let memory = Synthetic::new(words, &regions, is_set(*circumstances, 0));
  let facts = facts(*circumstances, &regions, &memory);
  let heaps = HeapPages::find(&regions, &facts, &memory, |_| true);
  let pieces = classify(&regions, text, &facts, KnownPlaces { heaps: &heaps, zeroed_data: &[] }, &memory, Search::Far { pages: 1 << 14 });

  let mut covered = vec![0; regions.len()];
  let mut behind = 0;
  for piece in &pieces {
    let region = &regions[piece.region];
    assert!(piece.start < piece.end, "no piece is empty");
    assert!(behind <= piece.start, "in address order and without overlaps");
    assert!(region.start <= piece.start && piece.end <= region.end, "inside its region");
    covered[piece.region] += piece.end - piece.start;
    behind = piece.end;
  }
  for (region, covered) in regions.iter().zip(covered) {
    assert!(covered == 0 || covered == region.size(), "a region is split without a rest, or not looked at");
    assert!(covered > 0 || region.inode == 0, "no file is left out");
    assert!(covered > 0 || region.access.is_none() || !region.is_plain_anonymous(), "no memory is left out");
  }
});

fn is_set(circumstances: u8, bit: u8) -> bool {
  circumstances & 1 << bit != 0
}

fn facts(circumstances: u8, regions: &[Region], memory: &Synthetic) -> Facts {
  let layout = HeaderLayout::find(memory, &heap_page_candidates(regions), ISOLATES[0]);
  let middle = regions.get(regions.len() / 2);
  let near_the_end =
    |(index, region): (usize, &Region)| Some((i32::try_from(index).ok()?, region.end.checked_sub(PAGE / 2)?));
  let blocks = regions.iter().enumerate().step_by(3).filter_map(near_the_end);
  Facts {
    page_size: PAGE,
    isolates: Isolates { live: HashSet::from(ISOLATES), complete: is_set(circumstances, 1), ..Isolates::default() },
    layout: layout.filter(|_| is_set(circumstances, 2)),
    engine_is_v8: is_set(circumstances, 3),
    code_ranges: middle.map(|region| (region.start, region.end, ISOLATES[0])).into_iter().collect(),
    control_blocks: if is_set(circumstances, 4) { blocks.collect() } else { Vec::new() },
    main_thread: 0,
    malloc_is_glibc: is_set(circumstances, 5),
    buffers: Vec::new(),
    ..Facts::default()
  }
}

/// A few pages that repeat through the whole address space. Words that only chance would hit are made on the spot:
/// pointers to something, and magic numbers that depend on their own address.
struct Synthetic<'a> {
  words: &'a [u8],
  regions: &'a [Region],
  /// Whether the memory changes between two looks at it, as that of a running process does.
  changes: bool,
  looks: Cell<u64>,
}

impl<'a> Synthetic<'a> {
  const WORDS_PER_PAGE: u64 = 8;

  fn new(words: &'a [u8], regions: &'a [Region], changes: bool) -> Self {
    Self { words, regions, changes, looks: Cell::new(0) }
  }

  fn word(&self, address: u64) -> Option<u64> {
    let (words, _) = self.words.as_chunks::<8>();
    let pages = u64::try_from(words.len()).ok()? / Self::WORDS_PER_PAGE;
    let number = address / PAGE;
    // Multiples of 256 KiB and of 64 MiB do not all fall on one page.
    let page = (number ^ number >> 6 ^ number >> 14).wrapping_add(self.looks.get()).checked_rem(pages)?;
    let index = page * Self::WORDS_PER_PAGE + address / 8 % Self::WORDS_PER_PAGE;
    let [kind, low @ ..] = words.get(usize::try_from(index).ok()?)?;
    let [a, b, c, d, e, f, g] = *low;
    let value = u64::from_le_bytes([a, b, c, d, e, f, g, 0]);
    Some(match kind {
      0 => value,
      1 => 0x4c83_3e95 ^ address.wrapping_sub(8), // the second word of a block of Abseil's
      2 => value % 256 * PAGE | 2,                // the second word of a large chunk of glibc's
      3 => address & !(PAGE - 1) | value % PAGE,  // a pointer into its own page
      4 => ISOLATES[usize::from(a % 2)] + u64::from(b) * 8,
      5 => self.regions.get(usize::from(a) % self.regions.len().max(1))?.start.wrapping_add(u64::from(b) * 8),
      6 => return None, // not readable
      _ => value << 8 | u64::from(*kind),
    })
  }
}

impl Memory for Synthetic<'_> {
  fn read(&self, address: u64, words: &mut [u64]) -> bool {
    self.looks.set(self.looks.get().wrapping_add(u64::from(self.changes)));
    words.iter_mut().zip((0..).step_by(8)).all(|(place, offset)| {
      let word = address.checked_add(offset).and_then(|address| self.word(address));
      *place = word.unwrap_or(0);
      word.is_some()
    })
  }

  fn gather(&self, addresses: &[u64], width: usize, words: &mut Vec<u64>) {
    words.clear();
    words.resize(addresses.len() * width, 0);
    for (address, words) in addresses.iter().zip(words.chunks_mut(width.max(1))) {
      if !self.read(*address, words) {
        words.fill(0);
      }
    }
  }
}
