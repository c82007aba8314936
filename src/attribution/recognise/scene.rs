//! What the rules see: a process, and a place in it.

use std::cell::Cell;

use super::heap_pages::HeapPages;
use super::stacks::Stacks;
use crate::attribution::facts::Facts;
use crate::attribution::piece::{Owner, Part};
use crate::attribution::reading::Memory;
use crate::parse::maps::{self, Region};

/// How far beyond memory that nothing explains a known header is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Search {
  /// As far as what malloc and others put beside each other, as a rule.
  Near,
  /// To the end of the region, as far as this many pages last for all of them together.
  Far {
    /// Pages that may be read.
    pages: u64,
  },
}

/// What was found out about places before the pieces are made.
#[derive(Debug, Clone, Copy)]
pub struct KnownPlaces<'a> {
  /// Pages of JS heaps.
  pub heaps: &'a HeapPages,
  /// Where the zeroed data of a file begins and ends, in address order; of some files that is not known.
  pub zeroed_data: &'a [(u64, u64)],
}

/// A process as it was read.
pub(super) struct Scene<'a> {
  pub(super) regions: &'a [Region],
  pub(super) facts: &'a Facts,
  pub(super) memory: &'a dyn Memory,
  pub(super) heaps: &'a HeapPages,
  zeroed_data: &'a [(u64, u64)],
  /// Code ranges in the order of addresses.
  code_ranges: Vec<(u64, u64, u64)>,
  pub(super) stacks: Stacks,
  /// For each region the first address behind all memory that adjoins it: one allocation may reach that far.
  runs: Vec<u64>,
  search: Search,
  /// Pages that were read in a far search.
  searched: Cell<u64>,
}

impl<'a> Scene<'a> {
  pub(super) fn new(
    regions: &'a [Region],
    facts: &'a Facts,
    KnownPlaces { heaps, zeroed_data }: KnownPlaces<'a>,
    memory: &'a dyn Memory,
    search: Search,
  ) -> Self {
    Self {
      regions,
      facts,
      memory,
      heaps,
      zeroed_data,
      code_ranges: by_start(&facts.code_ranges),
      stacks: Stacks::of(facts, memory),
      runs: runs(regions),
      search,
      searched: Cell::new(0),
    }
  }

  /// The isolate whose code range holds an address.
  pub(super) fn isolate_with_code_at(&self, address: u64) -> Option<u64> {
    let after = self.code_ranges.partition_point(|(start, _, _)| *start <= address);
    let (_, end, isolate) = self.code_ranges.get(after.checked_sub(1)?)?;
    (address < *end).then_some(*isolate)
  }

  /// Where the zeroed data that begins here ends, as far as its file says so.
  pub(super) fn end_of_zeroed_data(&self, start: u64) -> Option<u64> {
    let place = self.zeroed_data.binary_search_by_key(&start, |(start, _)| *start).ok()?;
    self.zeroed_data.get(place).map(|(_, end)| *end)
  }

  /// Pages that may still be read in search of a header, beside memory that nothing explains.
  pub(super) fn searchable_pages(&self) -> u64 {
    /// Further than this nothing is looked for at first: it is seldom needed, and costs.
    const NEAR_PAGES: u64 = 1024;
    match self.search {
      Search::Near => NEAR_PAGES,
      Search::Far { pages } => pages.saturating_sub(self.searched.get()),
    }
  }

  /// Where memory without explanation that begins here ended before. A far search is there to find out anew.
  pub(super) fn expected_end(&self, start: u64) -> Option<u64> {
    let pieces = &self.facts.unexplained;
    let place = pieces.binary_search_by_key(&start, |(start, _)| *start).ok()?;
    pieces.get(place).filter(|_| self.search == Search::Near).map(|(_, end)| *end)
  }

  pub(super) fn note_searched(&self, pages: usize) {
    let pages = u64::try_from(pages).unwrap_or(u64::MAX);
    self.searched.set(self.searched.get().saturating_add(pages));
  }

  /// The region that holds an address.
  pub(super) fn region_at(&self, address: u64) -> Option<&'a Region> {
    maps::region_at(self.regions, address)
  }
}

/// Where something begins: at the start of a region, or behind what was recognised before.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
  pub(super) scene: &'a Scene<'a>,
  pub(super) start: u64,
  pub(super) region: &'a Region,
  /// Position of the region.
  pub(super) index: usize,
}

impl<'a> Place<'a> {
  pub(super) fn facts(&self) -> &'a Facts {
    self.scene.facts
  }

  pub(super) fn memory(&self) -> &'a dyn Memory {
    self.scene.memory
  }

  pub(super) fn page_size(&self) -> u64 {
    self.scene.facts.page_size
  }

  pub(super) fn begins_region(&self) -> bool {
    self.start == self.region.start
  }

  /// The region directly below, without a gap.
  pub(super) fn before(&self) -> Option<&'a Region> {
    let before = self.scene.regions.get(self.index.checked_sub(1)?)?;
    (before.end == self.region.start).then_some(before)
  }

  /// The region directly above, without a gap.
  pub(super) fn after(&self) -> Option<&'a Region> {
    let after = self.scene.regions.get(self.index.checked_add(1)?)?;
    (after.start == self.region.end).then_some(after)
  }

  /// How far an allocation that begins in this region may reach.
  pub(super) fn reach(&self) -> u64 {
    self.scene.runs.get(self.index).copied().unwrap_or(self.region.end)
  }

  /// The words at `address`, if they are there.
  pub(super) fn words_at<const N: usize>(&self, address: u64) -> Option<[u64; N]> {
    let mut words = [0; N];
    self.memory().read(address, &mut words).then_some(words)
  }

  /// The whole region is this.
  pub(super) fn whole(&self, part: Part, owner: Owner) -> Found {
    Found { end: self.region.end, part, owner }
  }
}

/// What a rule recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
  /// The first address behind it. It may lie beyond the region: the kernel splits a mapping of which a part was locked,
  /// advised or protected.
  pub(super) end: u64,
  pub(super) part: Part,
  pub(super) owner: Owner,
}

/// Where several isolates share a range, the first of them stands for all.
fn by_start(code_ranges: &[(u64, u64, u64)]) -> Vec<(u64, u64, u64)> {
  let mut ranges = code_ranges.to_vec();
  ranges.sort_by_key(|(start, _, _)| *start);
  ranges.dedup_by_key(|(start, _, _)| *start);
  ranges
}

/// For each region the first address behind the memory that adjoins it without a gap.
fn runs(regions: &[Region]) -> Vec<u64> {
  let mut runs = vec![0; regions.len()];
  let mut behind: Option<&Region> = None;
  let mut run_end = 0;
  for (region, end) in regions.iter().zip(&mut runs).rev() {
    let goes_on =
      may_be_malloced(region) && behind.is_some_and(|next| next.start == region.end && may_be_malloced(next));
    if !goes_on {
      run_end = region.end;
    }
    *end = run_end;
    behind = Some(region);
  }
  runs
}

/// Memory that an allocator may have mapped: private, not a file's, no code.
fn may_be_malloced(region: &Region) -> bool {
  region.is_plain_anonymous() && !region.access.execute
}
