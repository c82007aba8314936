//! Which pages of the anonymous memory are resident, asked once and then looked up.
//!
//! Memory that is not resident must not be read: the kernel would map a page for the reader.

use std::cell::Cell;

use super::address_space::AddressSpace;
use crate::attribution::region_kinds::is_immense;
use crate::error::Result;
use crate::parse::maps::Region;
use crate::parse::smaps;

/// Where the residency of anonymous memory comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResidencySource {
  /// `mincore`: the cheapest. Takes pages that were read and never written for resident.
  Mincore,
  /// The page tables, by `PAGEMAP_SCAN`: tells those pages apart.
  Pagemap,
  /// `smaps`: works everywhere, holds up every thread that maps or unmaps, and knows no single pages.
  Smaps,
}

/// One byte per page of each region.
#[derive(Debug, Clone)]
pub(in crate::attribution) struct Residency {
  page_size: u64,
  source: ResidencySource,
  /// (first address, first address behind, position of the first page's byte), in address order.
  regions: Vec<(u64, u64, usize)>,
  bytes: Vec<u8>,
  /// The position of the region that was looked up last. Most who ask go through the addresses in order.
  last: Cell<usize>,
}

impl Residency {
  /// Asks for all private anonymous regions that have some access, but for immense ones and those that `leave_out`
  /// names. Those of `whole`, given in address order, are taken for resident from end to end and not asked about.
  pub(in crate::attribution) fn of(
    space: &impl AddressSpace,
    regions: &[Region],
    page_size: u64,
    source: ResidencySource,
    whole: &[(u64, u64)],
    leave_out: impl Fn(&Region) -> bool,
  ) -> Result<Self> {
    let mut whole = if source == ResidencySource::Smaps { &[] } else { whole };
    let is_anonymous = |region: &Region| region.inode == 0 && !region.access.shared && !is_immense(region);
    let mut residency =
      Self { page_size, source, regions: Vec::new(), bytes: Vec::new(), last: Cell::new(0) };
    let mut pages = 0_usize;
    let mut run = Vec::new();
    for region in regions.iter().filter(|region| !region.access.is_none()) {
      let is_asked = is_anonymous(region) && !leave_out(region);
      let is_whole = is_asked && is_first_of(&mut whole, region);
      if is_whole || !is_asked {
        residency.ask(space, source, &run);
        residency.bytes.resize(pages, 0);
        run.clear();
      }
      if is_asked {
        residency.regions.push((region.start, region.end, pages));
        pages = pages.saturating_add(pages_of(region.size(), page_size));
      }
      if is_whole {
        residency.bytes.resize(pages, 1);
      } else if is_asked {
        run.push((region.start, region.end));
      }
    }
    residency.ask(space, source, &run);
    residency.bytes.resize(pages, 0);
    if source == ResidencySource::Smaps {
      residency.fill_from_smaps(&space.smaps()?);
    }
    Ok(residency)
  }

  /// Appends the bytes of regions between which no other memory may be accessed.
  fn ask(&mut self, space: &impl AddressSpace, source: ResidencySource, run: &[(u64, u64)]) {
    match source {
      ResidencySource::Mincore => space.resident_pages_of_run(run, &mut self.bytes),
      ResidencySource::Pagemap => {
        for (start, end) in run {
          space.pages_in_resident_set(*start, *end, &mut self.bytes);
        }
      }
      ResidencySource::Smaps => {} // told by one text for all of them
    }
  }

  /// `smaps` gives one size per region. As many pages from its start are taken for resident. A region may have grown since,
  /// or merged with another: to read that text takes memory too.
  fn fill_from_smaps(&mut self, text: &[u8]) {
    for block in smaps::blocks(text).flatten() {
      let mut left = block.rss;
      let first = self.regions.partition_point(|(_, behind, _)| *behind <= block.start);
      let regions = self.regions.get(first..).unwrap_or_default().iter();
      for (first, behind, position) in regions.take_while(|(first, _, _)| *first < block.end) {
        let start = block.start.max(*first);
        let resident = left.min(block.end.min(*behind).saturating_sub(start));
        left = left.saturating_sub(resident);
        let from = position.saturating_add(pages_of(start.saturating_sub(*first), self.page_size));
        let pages = from..from.saturating_add(pages_of(resident, self.page_size));
        self.bytes.get_mut(pages).unwrap_or_default().fill(1);
      }
    }
  }

  pub(in crate::attribution) fn page_size(&self) -> u64 {
    self.page_size
  }

  /// Whether it tells of single pages, and not of whole regions alone.
  pub(in crate::attribution) fn knows_pages(&self) -> bool {
    self.source != ResidencySource::Smaps
  }

  /// Resident bytes between two page boundaries of one region.
  pub(in crate::attribution) fn bytes_between(&self, start: u64, end: u64) -> u64 {
    // Eight pages at a time: a byte is 0 or 1 but for bits that mincore reserves.
    const LOWEST_BITS: u64 = 0x0101_0101_0101_0101;
    let (words, rest) = self.pages(start, end).as_chunks::<8>();
    let in_words =
      words.iter().map(|bytes| u64::from((u64::from_ne_bytes(*bytes) & LOWEST_BITS).count_ones()));
    let in_rest = rest.iter().map(|byte| u64::from(byte & 1));
    in_words.chain(in_rest).sum::<u64>().saturating_mul(self.page_size)
  }

  /// The same across as many regions as lie between them: the kernel splits a mapping of which a part was locked,
  /// advised or protected.
  pub(in crate::attribution) fn bytes_across(&self, start: u64, end: u64) -> u64 {
    let first = self.regions.partition_point(|(_, behind, _)| *behind <= start);
    let regions = self.regions.get(first..).unwrap_or_default().iter();
    regions.take_while(|(first, _, _)| *first < end).fold(0, |sum, (first, behind, _)| {
      sum.saturating_add(self.bytes_between(start.max(*first), end.min(*behind)))
    })
  }

  /// The sum of what is resident where each of the pages from `start` on has so many bytes.
  pub(in crate::attribution) fn of_sums(&self, start: u64, bytes: &[u32]) -> u64 {
    let length = u64::try_from(bytes.len()).unwrap_or(0).saturating_mul(self.page_size);
    let end = start.saturating_add(length);
    let first = self.regions.partition_point(|(_, behind, _)| *behind <= start);
    let regions = self.regions.get(first..).unwrap_or_default().iter();
    regions.take_while(|(first, _, _)| *first < end).fold(0, |sum, (first, behind, _)| {
      let from = start.max(*first);
      let skipped = pages_of(from.saturating_sub(start), self.page_size);
      let pages = self.pages(from, end.min(*behind)).iter().zip(bytes.iter().skip(skipped));
      pages.fold(sum, |sum, (page, bytes)| {
        sum.saturating_add(u64::from(*bytes).saturating_mul(u64::from(page & 1)))
      })
    })
  }

  /// The resident pages between two page boundaries of one region, as runs from a first address to the one behind.
  pub(in crate::attribution) fn runs_between(&self, start: u64, end: u64) -> Vec<(u64, u64)> {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    let mut address = start;
    // Of a range that is reserved for code hardly anything is there: eight pages at a time are passed over.
    for pages in self.pages(start, end).chunks(8) {
      if pages == [0; 8] {
        address = address.saturating_add(self.page_size.saturating_mul(8));
        continue;
      }
      for byte in pages {
        let next = address.saturating_add(self.page_size);
        if byte & 1 == 1 {
          match runs.last_mut().filter(|(_, behind)| *behind == address) {
            Some((_, behind)) => *behind = next,
            None => runs.push((address, next)),
          }
        }
        address = next;
      }
    }
    runs
  }

  /// The first `most` resident pages between two page boundaries, of however many regions.
  pub(in crate::attribution) fn pages_between(&self, start: u64, end: u64, most: usize) -> Vec<u64> {
    /// A mapping that was never touched may have millions of pages: those are passed over in blocks.
    const BLOCK: usize = 64;
    let first = self.regions.partition_point(|(_, behind, _)| *behind <= start);
    let regions = self.regions.get(first..).unwrap_or_default().iter();
    let regions = regions.take_while(|(first, _, _)| *first < end);
    let block_bytes = self.page_size.saturating_mul(u64::try_from(BLOCK).unwrap_or(0));
    let from = |first: u64| start.max(first);
    let blocks = regions.flat_map(|(first, behind, _)| {
      let starts = std::iter::successors(Some(from(*first)), move |block| block.checked_add(block_bytes));
      self.pages(from(*first), end.min(*behind)).chunks(BLOCK).zip(starts)
    });
    let pages = blocks.filter(|(bytes, _)| bytes.iter().any(|byte| *byte != 0)).flat_map(|(bytes, block)| {
      let addresses = std::iter::successors(Some(block), |page| page.checked_add(self.page_size));
      bytes.iter().zip(addresses)
    });
    pages.filter(|(byte, _)| **byte & 1 == 1).map(|(_, page)| page).take(most).collect()
  }

  pub(in crate::attribution) fn is_resident(&self, address: u64) -> bool {
    self.pages(address, address.saturating_add(1)).first().is_some_and(|byte| byte & 1 == 1)
  }

  fn pages(&self, start: u64, end: u64) -> &[u8] {
    let Some((first, behind, position)) = self.region_of(start) else { return &[] };
    let page_of = |address: u64| {
      let page = address.saturating_sub(first).checked_div(self.page_size).unwrap_or(0);
      position.saturating_add(usize::try_from(page).unwrap_or(usize::MAX))
    };
    let last = end.min(behind).saturating_add(self.page_size.saturating_sub(1));
    self.bytes.get(page_of(start)..page_of(last)).unwrap_or_default()
  }

  /// The region that holds an address.
  fn region_of(&self, address: u64) -> Option<(u64, u64, usize)> {
    let holds = |(first, behind, _): &(u64, u64, usize)| (*first..*behind).contains(&address);
    let at = |place: usize| self.regions.get(place).copied().filter(holds);
    let last = self.last.get();
    let next = last.saturating_add(1);
    let place = if at(last).is_some() {
      last
    } else if at(next).is_some() {
      next
    } else {
      self.regions.partition_point(|(first, _, _)| *first <= address).checked_sub(1)?
    };
    self.last.set(place);
    at(place)
  }
}

/// Whether a region is in a list in address order, of which what lies before it is passed over.
fn is_first_of(list: &mut &[(u64, u64)], region: &Region) -> bool {
  let passed = list.iter().take_while(|(start, _)| *start < region.start).count();
  *list = list.get(passed..).unwrap_or_default();
  list.first() == Some(&(region.start, region.end))
}

fn pages_of(bytes: u64, page_size: u64) -> usize {
  usize::try_from(bytes.checked_div(page_size).unwrap_or(0)).unwrap_or(0)
}
