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

/// `PAGEMAP_SCAN` of Linux 6.7: the kernel skips what is not there. `None` where it is unknown or refused.
fn scan(descriptor: i32, start: u64, end: u64) -> Option<FilePages> {
  const IS_FILE: u64 = 1 << 2;
  const IS_PRESENT: u64 = 1 << 3;
  const IS_ZERO_PAGE: u64 = 1 << 5;
  /// `_IOWR('f', 16, struct pm_scan_arg)`
  const PAGEMAP_SCAN: libc::Ioctl = 0xC060_6610;
  const RANGES: usize = 128;

  /// `struct page_region`
  #[repr(C)]
  #[derive(Clone, Copy, Default)]
  struct PageRange {
    start: u64,
    end: u64,
    categories: u64,
  }
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

  let mut ranges = [PageRange::default(); RANGES];
  let mut pages = FilePages::default();
  let mut from = start;
  while from < end {
    let mut request = Request {
      size: u64::try_from(size_of::<Request>()).ok()?,
      start: from,
      end,
      ranges: u64::try_from(ranges.as_mut_ptr().expose_provenance()).ok()?,
      ranges_length: u64::try_from(RANGES).ok()?,
      category_inverted: IS_ZERO_PAGE, // the kernel's shared page of zeros is in nobody's resident set
      category_mask: IS_PRESENT | IS_ZERO_PAGE,
      return_mask: IS_PRESENT | IS_FILE,
      ..Request::default()
    };
    // SAFETY: the request is the kernel's struct, and its vector has room for the ranges it announces.
    let found = unsafe { libc::ioctl(descriptor, PAGEMAP_SCAN, &raw mut request) };
    let found = usize::try_from(found).ok()?;
    for range in ranges.iter().take(found) {
      let size = range.end.saturating_sub(range.start);
      let kind = if range.categories & IS_FILE == 0 { &mut pages.copied } else { &mut pages.file };
      *kind = kind.saturating_add(size);
    }
    if request.walk_end <= from {
      return None; // no progress would loop for ever
    }
    from = request.walk_end;
  }
  Some(pages)
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
