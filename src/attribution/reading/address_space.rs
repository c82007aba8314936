//! The only door to the process under study.

use crate::error::Result;
use crate::parse::status;

/// Reads words of the process under study; nothing it does can fault.
pub trait Memory {
  /// Copies consecutive words from `address`; `false` when any of them is not readable.
  fn read(&self, address: u64, words: &mut [u64]) -> bool;

  /// Copies `width` words from each address; zeros for addresses that are not readable.
  fn gather(&self, addresses: &[u64], width: usize, words: &mut Vec<u64>);

  /// The first `most` pages from `start` to `end` that are worth reading: all of them, where nothing else is known.
  fn readable_pages(&self, start: u64, end: u64, page_size: u64, most: usize) -> Vec<u64> {
    let pages = std::iter::successors(Some(start), |page| page.checked_add(page_size.max(1)));
    pages.take_while(|page| *page < end).take(most).collect()
  }

  /// Leaves out those of the pages, given in the order of addresses, that are not there any more. Whoever reads one of
  /// those puts the kernel's page of zeros there, which later looks then take for memory.
  fn retain_resident(&self, _pages: &mut Vec<u64>, _page_size: u64) {}
}

/// Resident bytes of a file mapping.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FileResidency {
  /// Pages of the file or of shared memory.
  pub file: u64,
  /// Private copies.
  pub copied: u64,
}

/// The process under study.
pub trait AddressSpace: Memory {
  /// The text of its `maps`.
  ///
  /// # Errors
  /// When it cannot be read.
  fn maps(&self) -> Result<Vec<u8>>;

  /// Resident memory by kind.
  ///
  /// # Errors
  /// When it cannot be read.
  fn memory_by_kind(&self) -> Result<status::Memory>;

  /// Appends one byte per page of private anonymous memory: 1 where it is resident.
  fn resident_pages(&self, start: u64, end: u64, residency: &mut Vec<u8>);

  /// The same for several regions in address order, between which no other memory may be accessed.
  fn resident_pages_of_run(&self, run: &[(u64, u64)], residency: &mut Vec<u8>) {
    for (start, end) in run {
      self.resident_pages(*start, *end, residency);
    }
  }

  /// The same for one region, without pages that were read and never written: those are in no resident set.
  fn pages_in_resident_set(&self, start: u64, end: u64, residency: &mut Vec<u8>);

  /// The text of its `smaps`: the expensive way, for systems without the others.
  ///
  /// # Errors
  /// When it cannot be read.
  fn smaps(&self) -> Result<Vec<u8>>;

  /// Bytes that malloc says it has in large chunks, each with a mapping of its own; `None` where that is not known.
  fn bytes_in_large_chunks(&self) -> Option<u64> {
    None
  }

  /// Whether the page tables can be asked about large empty ranges for nothing.
  fn page_tables_skip_holes(&self) -> bool;

  /// Resident bytes of a file mapping or of sparse memory; `None` when they cannot be told.
  fn resident_file(&self, start: u64, end: u64) -> Option<FileResidency>;
}
