//! The page tables of this process: which pages of a range are there, and what they are.

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use super::sandbox::{self, Call};
use super::{PAGEMAP, page_size};
use crate::error::{MeasureError, Result};
use crate::platform::FilePages;

/// How many pages lie between two addresses, the first of which is that of a page.
pub(super) fn pages_between(start: u64, end: u64) -> usize {
  usize::try_from(end.saturating_sub(start).div_ceil(page_size())).unwrap_or(0)
}

/// Whether nobody wants page tables to be read here.
static AVOIDED: AtomicBool = AtomicBool::new(false);

/// From now on page tables count as something that cannot be read.
pub(super) fn avoid_page_tables() {
  AVOIDED.store(true, Ordering::Relaxed);
}

/// The page tables for some questions in a row. Whether the descriptor is still ours is looked up at the first of them:
/// that costs as much as a small question.
#[derive(Default)]
pub(super) struct PageTables {
  descriptor: Cell<Option<i32>>,
}

impl PageTables {
  fn with<T>(&self, mut work: impl FnMut(i32) -> Result<T>) -> Result<T> {
    if AVOIDED.load(Ordering::Relaxed) {
      return Err(MeasureError::Unsupported { what: "reading page tables" });
    }
    match self.descriptor.get() {
      Some(descriptor) => work(descriptor),
      None => PAGEMAP.with(|descriptor| {
        self.descriptor.set(Some(descriptor));
        work(descriptor)
      }),
    }
  }
}

/// The same for a single question.
fn with_page_tables<T>(work: impl FnMut(i32) -> Result<T>) -> Result<T> {
  PageTables::default().with(work)
}

/// Whether `PAGEMAP_SCAN` is there, which knows the kernel's page of zeros. Asked once.
pub fn pagemap_tells_zero_pages() -> bool {
  static TELLS: OnceLock<bool> = OnceLock::new();
  *TELLS.get_or_init(|| {
    with_page_tables(|descriptor| Ok(scan(descriptor, 0, page_size()).is_some())).unwrap_or(false)
  })
}

/// Mapped ranges without a page behind them.
pub(super) fn absent_ranges(tables: &PageTables, start: u64, end: u64) -> Option<Vec<(u64, u64)>> {
  let absent = Categories { wanted: IS_PRESENT, inverted: IS_PRESENT, told: IS_PRESENT };
  let scanned = tables.with(|descriptor| {
    let mut ranges = Vec::new();
    let scanned =
      scan_ranges(descriptor, (start, end), absent, |range| ranges.push((range.start, range.end)));
    Ok(scanned.map(|()| ranges))
  });
  scanned.ok().flatten()
}

/// Calls `visit` with the first address of each range whose pages are in the resident set, and the one behind. `None` where
/// the page tables do not tell.
pub(super) fn visit_resident_set(start: u64, end: u64, mut visit: impl FnMut(u64, u64)) -> Option<()> {
  if !pagemap_tells_zero_pages() {
    return None;
  }
  let scanned = with_page_tables(|descriptor| {
    Ok(scan_ranges(descriptor, (start, end), IN_RESIDENT_SET, |range| visit(range.start, range.end)))
  });
  scanned.ok().flatten()
}

/// Writes 1 to the byte of each page that is there, as `mincore` does, and 0 to the others. `false` where the page tables
/// cannot be read.
pub(super) fn fill_presence(start: u64, end: u64, residency: &mut [u8]) -> bool {
  let mut pages = residency.iter_mut();
  let read = with_page_tables(|descriptor| {
    read_entries(descriptor, start, end, |entry| {
      if let Some(byte) = pages.next() {
        *byte = u8::from(entry & ENTRY_IS_PRESENT != 0);
      }
    })
  });
  read.is_ok()
}

/// Writes 1 to the byte of each page of private anonymous memory that is there and is this process' alone, 0 to the
/// others. What was read and never written is not; neither is what a forked child shares. `false` where the page tables
/// cannot be read.
pub(super) fn fill_own_pages(start: u64, end: u64, residency: &mut [u8]) -> bool {
  let mut pages = residency.iter_mut();
  let read = with_page_tables(|descriptor| {
    read_entries(descriptor, start, end, |entry| {
      if let Some(byte) = pages.next() {
        *byte = u8::from(is_own(entry));
      }
    })
  });
  read.is_ok()
}

/// Resident bytes of a file mapping or of shared memory, by the page tables.
///
/// # Errors
/// When `/proc/self/pagemap` cannot be read.
pub(super) fn resident_by_page_tables(tables: &PageTables, start: u64, end: u64) -> Result<FilePages> {
  let may_scan = pagemap_tells_zero_pages();
  tables.with(|descriptor| match may_scan.then(|| scan(descriptor, start, end)).flatten() {
    Some(pages) => Ok(pages),
    None => sum_entries(descriptor, start, end),
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
pub(super) const PAGEMAP_SCAN: libc::Ioctl = libc::_IOWR::<Request>(0x66, 16); // 'f'

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
  if !sandbox::allows(Call::PageTables) {
    return None;
  }
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

const ENTRY_IS_PRESENT: u64 = 1 << 63;
const ENTRY_IS_FILE_OR_SHARED: u64 = 1 << 61;
/// Mapped here and nowhere else. The kernel's page of zeros never is; a page that a forked child still shares is not
/// either.
const ENTRY_IS_EXCLUSIVE: u64 = 1 << 56;

fn is_own(entry: u64) -> bool {
  const OWN: u64 = ENTRY_IS_PRESENT | ENTRY_IS_EXCLUSIVE;
  entry & (OWN | ENTRY_IS_FILE_OR_SHARED) == OWN
}

fn sum_entries(descriptor: i32, start: u64, end: u64) -> Result<FilePages> {
  let page = page_size();
  let mut pages = FilePages::default();
  read_entries(descriptor, start, end, |entry| {
    if is_own(entry) {
      pages.copied = pages.copied.saturating_add(page);
    } else if entry & ENTRY_IS_PRESENT != 0 && entry & ENTRY_IS_FILE_OR_SHARED != 0 {
      pages.file = pages.file.saturating_add(page);
    }
  })?;
  Ok(pages)
}

/// One 64-bit entry per page: what every kernel has.
fn read_entries(descriptor: i32, start: u64, end: u64, mut visit: impl FnMut(u64)) -> Result<()> {
  const ENTRIES: usize = 512;
  let page = page_size();
  let mut entries = [0_u64; ENTRIES];
  let mut from = start;
  while from < end {
    let wanted = pages_between(from, end).min(ENTRIES).saturating_mul(size_of::<u64>());
    let offset = from.checked_div(page).unwrap_or(0).saturating_mul(8);
    let offset = libc::off_t::try_from(offset).unwrap_or(libc::off_t::MAX);
    // SAFETY: at most ENTRIES words are written into the array.
    let read = unsafe { libc::pread(descriptor, entries.as_mut_ptr().cast(), wanted, offset) };
    let count = usize::try_from(read).unwrap_or(0).checked_div(size_of::<u64>()).unwrap_or(0);
    if count == 0 {
      let errno = std::io::Error::last_os_error().raw_os_error().unwrap_or(0);
      return Err(MeasureError::Read { file: "/proc/self/pagemap".into(), syscall: "pread", errno });
    }
    entries.iter().take(count).for_each(|entry| visit(*entry));
    from = from.saturating_add(page.saturating_mul(u64::try_from(count).unwrap_or(1)));
  }
  Ok(())
}
