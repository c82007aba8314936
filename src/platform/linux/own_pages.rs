//! What is resident of this process, for one look at it.

use std::cell::{Cell, OnceCell};

use super::page_tables::{PageTables, pagemap_tells_zero_pages, resident_by_page_tables};
use super::residency;
use super::{read_smaps, read_status};
use crate::error::Result;
use crate::parse::smaps::{self, Block};
use crate::parse::status;
use crate::platform::FilePages;

/// Remembers what one answer of a look tells about the next.
pub struct OwnPages {
  tables: PageTables,
  /// Whether the process maps memory of hugetlbfs, which is in no resident set, and which page tables do not tell from
  /// other memory.
  has_huge_pages: Cell<bool>,
  /// Bytes of the address space that page tables were asked about.
  asked: Cell<u64>,
  /// What `smaps` says, read where the page tables do not do.
  blocks: OnceCell<Vec<Block>>,
}

impl OwnPages {
  /// For one look.
  pub fn open() -> Self {
    Self {
      tables: PageTables::default(),
      has_huge_pages: Cell::new(false),
      asked: Cell::new(0),
      blocks: OnceCell::new(),
    }
  }

  /// Resident and swapped memory by kind, in bytes.
  ///
  /// # Errors
  /// When `/proc/self/status` cannot be opened, read or parsed.
  pub fn memory_by_kind(&self) -> Result<status::Memory> {
    let text = read_status()?;
    self.has_huge_pages.set(status::huge_pages(&text) > 0);
    super::memory_of(&text)
  }

  /// Appends one byte per page of several regions of private anonymous memory, in address order and without other memory
  /// between them that may be accessed: 1 where the page is resident.
  pub fn resident_pages_of_run(&self, run: &[(u64, u64)], residency: &mut Vec<u8>) {
    residency::resident_pages_of_run(&self.tables, run, residency);
  }

  /// Resident bytes of a mapping of a file, or of what hardly anything is there of. Who dropped the rights that the
  /// process was started with may not read page tables any more, and finds the same figures in `smaps`, for more.
  ///
  /// # Errors
  /// When neither can be read.
  pub fn resident_file(&self, start: u64, end: u64) -> Result<FilePages> {
    /// Before `PAGEMAP_SCAN` page tables tell of each page that is not there, a terabyte in a second: a database maps as
    /// much as it may ever hold. `smaps` skips what is not there, and takes no longer than this much of it.
    const VAST: u64 = 16 * 1024 * 1024 * 1024;
    let asked = self.asked.get().saturating_add(end.saturating_sub(start));
    if asked > VAST && !pagemap_tells_zero_pages() {
      return self.told_by_smaps(start, end).map(Option::unwrap_or_default);
    }
    self.asked.set(asked);
    if self.has_huge_pages.get() && self.told_by_smaps(start, end)?.is_none() {
      return Ok(FilePages::default());
    }
    match resident_by_page_tables(&self.tables, start, end) {
      Ok(pages) => Ok(pages),
      Err(_) => self.told_by_smaps(start, end).map(Option::unwrap_or_default),
    }
  }

  /// The sum over the mappings between two addresses; `None` where nothing is resident.
  fn told_by_smaps(&self, start: u64, end: u64) -> Result<Option<FilePages>> {
    let blocks = self.blocks()?;
    let first = blocks.partition_point(|block| block.end <= start);
    let inside = blocks.get(first..).unwrap_or_default().iter().take_while(|block| block.start < end);
    let pages = inside.fold(FilePages::default(), |pages, block| FilePages {
      file: pages.file.saturating_add(block.rss.saturating_sub(block.anonymous)),
      copied: pages.copied.saturating_add(block.anonymous),
    });
    Ok((pages != FilePages::default()).then_some(pages))
  }

  fn blocks(&self) -> Result<&[Block]> {
    if self.blocks.get().is_none() {
      let text = read_smaps()?;
      let _first = self.blocks.set(smaps::blocks(&text).flatten().collect());
    }
    Ok(self.blocks.get().map(Vec::as_slice).unwrap_or_default())
  }
}
