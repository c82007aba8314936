//! Which pages of a range are in memory.

use std::sync::OnceLock;

use super::{PAGEMAP, page_size};
use crate::error::{MeasureError, Result};
use crate::platform::FilePages;

/// Appends one byte per page of private anonymous memory from `start` to `end`: 1 where the page is resident. Pages
/// that are not mapped any more are not. Not for file mappings, where the kernel answers what its page cache holds.
///
/// A page that was read and never written counts, although it is the kernel's shared page of zeros; a page in swap
/// does not.
pub fn resident_pages(start: u64, end: u64, residency: &mut Vec<u8>) {
  /// Pages per call: enough to make the call cheap, few enough that a thread that wants to map does not wait.
  const PAGES_PER_CALL: u64 = 16 * 1024;
  let step = page_size().saturating_mul(PAGES_PER_CALL);
  let mut from = start;
  while from < end {
    let to = from.saturating_add(step).min(end);
    ask(from, to, residency);
    from = to;
  }
}

/// The same for several regions in address order, between which there is no other memory that may be accessed.
///
/// The heaps of a process with workers are a thousand regions of V8's page size. Each `mincore` costs more to call than
/// to answer, so the page tables are asked about many small regions in one go, and about what is not there: that is the
/// smaller part. A small region that is unmapped meanwhile counts as it was, in full.
pub fn resident_pages_of_run(run: &[(u64, u64)], residency: &mut Vec<u8>) {
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
    if small >= WORTH_A_SCAN && pagemap_tells_zero_pages() && all_but_absent_pages(batch, residency).is_some()
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
fn all_but_absent_pages(regions: &[(u64, u64)], residency: &mut Vec<u8>) -> Option<()> {
  let ((start, _), (_, end)) = (regions.first()?, regions.last()?);
  let absent = absent_ranges(*start, *end)?;
  let page_size = page_size();
  let pages = |bytes: u64| usize::try_from(bytes.div_ceil(page_size)).unwrap_or(0);
  let mut passed = 0_usize;
  for (start, end) in regions {
    let position = residency.len();
    residency.resize(position.saturating_add(pages(end.saturating_sub(*start))), 1);
    let asked = residency.get_mut(position..).unwrap_or_default();
    let ahead = absent.get(passed..).unwrap_or_default();
    passed = passed.saturating_add(ahead.iter().take_while(|(_, behind)| behind <= start).count());
    let ahead = absent.get(passed..).unwrap_or_default();
    for (first, behind) in ahead.iter().take_while(|(first, _)| first < end) {
      let from = pages(first.saturating_sub(*start));
      let to = pages(behind.min(end).saturating_sub(*start));
      asked.get_mut(from..to).unwrap_or_default().fill(0);
    }
  }
  Some(())
}

/// Mapped ranges without a page behind them.
fn absent_ranges(start: u64, end: u64) -> Option<Vec<(u64, u64)>> {
  let absent = Categories { wanted: IS_PRESENT, inverted: IS_PRESENT, told: IS_PRESENT };
  let scanned = PAGEMAP.with(|descriptor| {
    let mut ranges = Vec::new();
    let scanned =
      scan_ranges(descriptor, (start, end), absent, |range| ranges.push((range.start, range.end)));
    Ok(scanned.map(|()| ranges))
  });
  scanned.ok().flatten()
}

/// Whether a page may be read without putting it in memory, as far as the kernel tells.
pub fn is_in_memory(page: u64) -> bool {
  let mut residency = Vec::new();
  resident_pages(page, page.saturating_add(page_size()), &mut residency);
  !page_residency_works() || residency.first().is_some_and(|byte| byte & 1 == 1)
}

/// As [`resident_pages`], by the page tables: a page that was read and never written does not count. Where they cannot
/// be asked, it does.
pub fn pages_in_resident_set(start: u64, end: u64, residency: &mut Vec<u8>) {
  let (known, page) = (residency.len(), page_size());
  let pages = |bytes: u64| usize::try_from(bytes.div_ceil(page)).unwrap_or(0);
  residency.resize(known.saturating_add(pages(end.saturating_sub(start))), 0);
  let asked = residency.get_mut(known..).unwrap_or_default();
  let scanned = PAGEMAP.with(|descriptor| {
    Ok(scan_ranges(descriptor, (start, end), IN_RESIDENT_SET, |range| {
      let from = pages(range.start.saturating_sub(start));
      let to = pages(range.end.saturating_sub(start));
      asked.get_mut(from..to).unwrap_or_default().fill(1);
    }))
  });
  if scanned.ok().flatten().is_none() {
    residency.truncate(known);
    resident_pages(start, end, residency);
  }
}

/// Whether the kernel answers at all: some sandboxes do not. Asked once, about a page that surely is in memory.
pub fn page_residency_works() -> bool {
  static WORKS: OnceLock<bool> = OnceLock::new();
  *WORKS.get_or_init(|| {
    let here = 0_u8;
    let address = u64::try_from((&raw const here).addr()).unwrap_or(0);
    let page = address.saturating_sub(address.checked_rem(page_size()).unwrap_or(0));
    let mut residency = Vec::new();
    resident_pages(page, page.saturating_add(page_size()), &mut residency);
    residency.first().is_some_and(|byte| byte & 1 == 1)
  })
}

/// Whether `PAGEMAP_SCAN` is there, which knows the kernel's page of zeros. Asked once.
pub fn pagemap_tells_zero_pages() -> bool {
  static TELLS: OnceLock<bool> = OnceLock::new();
  *TELLS.get_or_init(|| {
    PAGEMAP.with(|descriptor| Ok(scan(descriptor, 0, page_size()).is_some())).unwrap_or(false)
  })
}

/// Asks about a range; when a part of it is gone meanwhile, about its halves.
fn ask(start: u64, end: u64, residency: &mut Vec<u8>) {
  let page = page_size();
  let pages = end.saturating_sub(start).div_ceil(page);
  let known = residency.len();
  residency.resize(known.saturating_add(usize::try_from(pages).unwrap_or(0)), 0);
  let address = std::ptr::without_provenance_mut(usize::try_from(start).unwrap_or(0));
  let length = usize::try_from(end.saturating_sub(start)).unwrap_or(0);
  let target = residency.get_mut(known..).unwrap_or_default();
  // SAFETY: mincore looks at page tables only and fails where nothing is mapped; the slice has a byte for each page.
  let failed = unsafe { libc::mincore(address, length, target.as_mut_ptr()) } != 0;
  if failed && pages > 1 {
    residency.truncate(known);
    let middle = start.saturating_add(page.saturating_mul(pages.div_ceil(2)));
    ask(start, middle, residency);
    ask(middle, end, residency);
  }
}

/// Resident bytes of a file mapping or of shared memory, by the page tables.
///
/// # Errors
/// When `/proc/self/pagemap` cannot be read.
pub fn resident_file(start: u64, end: u64) -> Result<FilePages> {
  PAGEMAP.with(|descriptor| match scan(descriptor, start, end) {
    Some(pages) => Ok(pages),
    None => read_entries(descriptor, start, end),
  })
}

const IS_FILE: u64 = 1 << 2;
const IS_PRESENT: u64 = 1 << 3;
const IS_ZERO_PAGE: u64 = 1 << 5;

/// Which pages a scan reports, and what it tells of them.
#[derive(Clone, Copy)]
struct Categories {
  /// What a page must be.
  wanted: u64,
  /// Which of these it must not be instead.
  inverted: u64,
  told: u64,
}

/// The kernel's shared page of zeros is in nobody's resident set.
const IN_RESIDENT_SET: Categories =
  Categories { wanted: IS_PRESENT | IS_ZERO_PAGE, inverted: IS_ZERO_PAGE, told: IS_PRESENT | IS_FILE };

/// `struct page_region`
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct PageRange {
  start: u64,
  end: u64,
  categories: u64,
}

/// Resident bytes by the page tables. `None` where `PAGEMAP_SCAN` is unknown or refused.
fn scan(descriptor: i32, start: u64, end: u64) -> Option<FilePages> {
  let mut pages = FilePages::default();
  scan_ranges(descriptor, (start, end), IN_RESIDENT_SET, |range| {
    let kind = if range.categories & IS_FILE == 0 { &mut pages.copied } else { &mut pages.file };
    *kind = kind.saturating_add(range.end.saturating_sub(range.start));
  })?;
  Some(pages)
}

/// `PAGEMAP_SCAN` of Linux 6.7: the kernel skips what is not there. `None` where it is unknown or refused.
fn scan_ranges(
  descriptor: i32,
  (start, end): (u64, u64),
  categories: Categories,
  mut visit: impl FnMut(&PageRange),
) -> Option<()> {
  const RANGES: usize = 128;

  /// `struct pm_scan_arg`
  #[repr(C)]
  #[derive(Default)]
  struct Request {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    walk_end: u64,
    ranges: u64,
    ranges_length: u64,
    max_pages: u64,
    category_inverted: u64,
    category_mask: u64,
    category_anyof_mask: u64,
    return_mask: u64,
  }
  /// By libc's arithmetic: the number has the highest bit set, and the type that takes it is signed with musl.
  const PAGEMAP_SCAN: libc::Ioctl = libc::_IOWR::<Request>(0x66, 16); // 'f'

  let mut ranges = [PageRange::default(); RANGES];
  let mut from = start;
  while from < end {
    let mut request = Request {
      size: u64::try_from(size_of::<Request>()).ok()?,
      start: from,
      end,
      ranges: u64::try_from(ranges.as_mut_ptr().expose_provenance()).ok()?,
      ranges_length: u64::try_from(RANGES).ok()?,
      category_inverted: categories.inverted,
      category_mask: categories.wanted,
      return_mask: categories.told,
      ..Request::default()
    };
    // SAFETY: the request is the kernel's struct, and its vector has room for the ranges it announces.
    let found = unsafe { libc::ioctl(descriptor, PAGEMAP_SCAN, &raw mut request) };
    let found = usize::try_from(found).ok()?;
    ranges.iter().take(found).for_each(&mut visit);
    if request.walk_end <= from {
      return None; // no progress would loop for ever
    }
    from = request.walk_end;
  }
  Some(())
}

/// One 64-bit entry per page: what every kernel has.
fn read_entries(descriptor: i32, start: u64, end: u64) -> Result<FilePages> {
  const ENTRIES: usize = 512;
  const PRESENT: u64 = 1 << 63;
  const FILE_OR_SHARED: u64 = 1 << 61;
  let page = page_size();
  let mut entries = [0_u64; ENTRIES];
  let mut pages = FilePages::default();
  let mut from = start;
  while from < end {
    let left = usize::try_from(end.saturating_sub(from).div_ceil(page)).unwrap_or(ENTRIES);
    let wanted = left.min(ENTRIES).saturating_mul(size_of::<u64>());
    let offset = from.checked_div(page).unwrap_or(0).saturating_mul(8);
    let offset = libc::off_t::try_from(offset).unwrap_or(libc::off_t::MAX);
    // SAFETY: at most ENTRIES words are written into the array.
    let read = unsafe { libc::pread(descriptor, entries.as_mut_ptr().cast(), wanted, offset) };
    let count = usize::try_from(read).unwrap_or(0).checked_div(size_of::<u64>()).unwrap_or(0);
    if count == 0 {
      let errno = std::io::Error::last_os_error().raw_os_error().unwrap_or(0);
      return Err(MeasureError::Read { file: "/proc/self/pagemap".into(), syscall: "pread", errno });
    }
    for entry in entries.iter().take(count).filter(|entry| *entry & PRESENT != 0) {
      let kind = if entry & FILE_OR_SHARED == 0 { &mut pages.copied } else { &mut pages.file };
      *kind = kind.saturating_add(page);
    }
    from = from.saturating_add(page.saturating_mul(u64::try_from(count).unwrap_or(1)));
  }
  Ok(pages)
}
