//! Which pages of a range are in memory.

use std::sync::OnceLock;

use super::page_size;
use super::page_tables::{self, PageTables, absent_ranges, pagemap_tells_zero_pages, pages_between};
use super::sandbox::{self, Call};

/// Appends one byte per page of private anonymous memory from `start` to `end`: 1 where the page is resident. Pages
/// that are not mapped any more are not. Not for file mappings, where the kernel answers what its page cache holds.
///
/// A page that was read and never written counts, although it is the kernel's shared page of zeros; a page in swap
/// does not.
pub fn resident_pages(start: u64, end: u64, residency: &mut Vec<u8>) {
  tell_resident_pages(start, end, residency);
}

/// The same; `false` where nobody answers, and all pages then count as not resident.
fn tell_resident_pages(start: u64, end: u64, residency: &mut Vec<u8>) -> bool {
  /// Pages per call: enough to make the call cheap, few enough that a thread that wants to map does not wait.
  const PAGES_PER_CALL: u64 = 16 * 1024;
  let step = page_size().saturating_mul(PAGES_PER_CALL);
  let known = residency.len();
  let mut from = start;
  let mut is_told = true;
  while from < end {
    let to = from.saturating_add(step).min(end);
    is_told = is_told && ask(from, to, residency);
    from = to;
  }
  residency.resize(known.saturating_add(pages_between(start, end)), 0);
  is_told
}

/// The same for several regions in address order, between which there is no other memory that may be accessed.
///
/// The heaps of a process with workers are a thousand regions of V8's page size. Each `mincore` costs more to call than
/// to answer, so the page tables are asked about many small regions in one go, and about what is not there: that is the
/// smaller part. A small region that is unmapped meanwhile counts as it was, in full.
pub(super) fn resident_pages_of_run(tables: &PageTables, run: &[(u64, u64)], residency: &mut Vec<u8>) {
  /// Two of V8's pages. What is larger is cheaper to ask about by itself.
  const SMALL: u64 = 512 * 1024;
  /// Regions per call, few enough that a thread that wants to map does not wait.
  const REGIONS_PER_CALL: usize = 256;
  /// From this many on it pays.
  const WORTH_A_SCAN: usize = 4;
  let is_small = |(start, end): &&(u64, u64)| end.saturating_sub(*start) <= SMALL;
  let mut rest = run;
  while let Some(((start, end), others)) = rest.split_first() {
    let small = rest.iter().take(REGIONS_PER_CALL).take_while(is_small).count();
    let (batch, behind) = rest.split_at(small);
    if small >= WORTH_A_SCAN
      && pagemap_tells_zero_pages()
      && all_but_absent_pages(tables, batch, residency).is_some()
    {
      rest = behind;
    } else {
      resident_pages(*start, *end, residency);
      rest = others;
    }
  }
}

/// Appends one byte per page of the regions: 0 where the page tables have nothing. `None`, and nothing appended, when
/// they cannot be asked.
fn all_but_absent_pages(tables: &PageTables, regions: &[(u64, u64)], residency: &mut Vec<u8>) -> Option<()> {
  let ((start, _), (_, end)) = (regions.first()?, regions.last()?);
  let absent = absent_ranges(tables, *start, *end)?;
  let mut passed = 0_usize;
  for (start, end) in regions {
    let position = residency.len();
    residency.resize(position.saturating_add(pages_between(*start, *end)), 1);
    let asked = residency.get_mut(position..).unwrap_or_default();
    let ahead = absent.get(passed..).unwrap_or_default();
    passed = passed.saturating_add(ahead.iter().take_while(|(_, behind)| behind <= start).count());
    let ahead = absent.get(passed..).unwrap_or_default();
    for (first, behind) in ahead.iter().take_while(|(first, _)| first < end) {
      let from = pages_between(*start, *first);
      let to = pages_between(*start, *behind.min(end));
      asked.get_mut(from..to).unwrap_or_default().fill(0);
    }
  }
  Some(())
}

/// Whether a page may be read without putting it in memory, as far as the kernel tells.
pub fn is_in_memory(page: u64) -> bool {
  let mut residency = Vec::new();
  let is_told = tell_resident_pages(page, page.saturating_add(page_size()), &mut residency);
  !is_told || residency.first().is_some_and(|byte| byte & 1 == 1)
}

/// As [`resident_pages`], by the page tables: a page that was read and never written does not count. Where they cannot
/// be asked, it does.
pub fn pages_in_resident_set(start: u64, end: u64, residency: &mut Vec<u8>) {
  let known = residency.len();
  residency.resize(known.saturating_add(pages_between(start, end)), 0);
  let asked = residency.get_mut(known..).unwrap_or_default();
  let scanned = page_tables::visit_resident_set(start, end, |first, behind| {
    let (from, to) = (pages_between(start, first), pages_between(start, behind));
    asked.get_mut(from..to).unwrap_or_default().fill(1);
  });
  if scanned.is_none() && !page_tables::fill_own_pages(start, end, asked) {
    residency.truncate(known);
    resident_pages(start, end, residency);
  }
}

/// Whether anybody tells of single pages: some sandboxes do not. Asked once, about a page that surely is in memory.
pub fn page_residency_works() -> bool {
  static WORKS: OnceLock<bool> = OnceLock::new();
  *WORKS.get_or_init(|| {
    let mut residency = Vec::new();
    let (page, behind) = page_of_stack();
    tell_resident_pages(page, behind, &mut residency) && residency.first().is_some_and(|byte| byte & 1 == 1)
  })
}

/// Whether the page tables tell which pages are in the resident set: with `PAGEMAP_SCAN` for certain, by their entries but
/// for pages that a forked child shares. Asked once.
pub fn page_tables_tell_pages() -> bool {
  static TELL: OnceLock<bool> = OnceLock::new();
  *TELL.get_or_init(|| {
    let mut byte = [0];
    let (page, behind) = page_of_stack();
    pagemap_tells_zero_pages() || (page_tables::fill_own_pages(page, behind, &mut byte) && byte == [1])
  })
}

/// Whether `mincore` does, which is cheaper than to read page tables.
pub fn mincore_works() -> bool {
  let mut byte = [0];
  let (page, behind) = page_of_stack();
  sandbox::allows(Call::Mincore) && mincore(page, behind, &mut byte) == Ok(()) && byte == [1]
}

/// A page that surely is in memory.
fn page_of_stack() -> (u64, u64) {
  let here = 0_u8;
  let address = u64::try_from((&raw const here).addr()).unwrap_or(0);
  let page = address.saturating_sub(address.checked_rem(page_size()).unwrap_or(0));
  (page, page.saturating_add(page_size()))
}

/// Asks about a range; when a part of it is gone meanwhile, about its halves. `false` where nobody answers.
fn ask(start: u64, end: u64, residency: &mut Vec<u8>) -> bool {
  let pages = pages_between(start, end);
  let known = residency.len();
  residency.resize(known.saturating_add(pages), 0);
  let target = residency.get_mut(known..).unwrap_or_default();
  let answer = if sandbox::allows(Call::Mincore) { mincore(start, end, target) } else { Err(libc::EPERM) };
  match answer {
    Err(libc::ENOMEM) if pages > 1 => {
      residency.truncate(known);
      let half = page_size().saturating_mul(u64::try_from(pages.div_ceil(2)).unwrap_or(0));
      let middle = start.saturating_add(half);
      ask(start, middle, residency) && ask(middle, end, residency)
    }
    Ok(()) | Err(libc::ENOMEM) => true,
    Err(_) => page_tables::fill_presence(start, end, target),
  }
}

/// One byte per page; the error where the system has no such call, or nothing is mapped.
fn mincore(start: u64, end: u64, residency: &mut [u8]) -> Result<(), i32> {
  let address = std::ptr::without_provenance_mut(usize::try_from(start).unwrap_or(0));
  let length = usize::try_from(end.saturating_sub(start)).unwrap_or(0);
  // SAFETY: mincore looks at page tables only and fails where nothing is mapped; the slice has a byte for each page.
  let failed = unsafe { libc::mincore(address, length, residency.as_mut_ptr()) } != 0;
  if failed { Err(std::io::Error::last_os_error().raw_os_error().unwrap_or(0)) } else { Ok(()) }
}
