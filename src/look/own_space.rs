//! The address space that we are in.

use crate::attribution::{AddressSpace, FileResidency, Memory};
use crate::error::Result;
use crate::malloc;
use crate::parse::status;
use crate::platform;

/// Reads this process through the kernel, for one look.
pub(super) struct OwnProcess {
  pub(super) memory: platform::OwnMemory,
  pages: platform::OwnPages,
}

impl OwnProcess {
  pub(super) fn open() -> Self {
    Self { memory: platform::OwnMemory::open(), pages: platform::OwnPages::open() }
  }
}

impl Memory for OwnProcess {
  fn read(&self, address: u64, words: &mut [u64]) -> bool {
    self.memory.read(address, words)
  }

  fn gather(&self, addresses: &[u64], width: usize, words: &mut Vec<u64>) {
    self.memory.gather(addresses, width, words);
  }

  fn retain_resident(&self, pages: &mut Vec<u64>, page_size: u64) {
    if !platform::page_residency_works() {
      return;
    }
    let mut there = Vec::with_capacity(pages.len());
    let mut answers = Vec::new();
    for run in pages.chunk_by(|page, next| next.checked_sub(*page) == Some(page_size)) {
      let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
      answers.clear();
      platform::resident_pages(*first, last.saturating_add(page_size), &mut answers);
      there.extend(run.iter().zip(&answers).filter(|(_, byte)| **byte & 1 == 1).map(|(page, _)| *page));
    }
    *pages = there;
  }
}

impl AddressSpace for OwnProcess {
  fn maps(&self) -> Result<Vec<u8>> {
    platform::read_maps()
  }

  fn memory_by_kind(&self) -> Result<status::Memory> {
    self.pages.memory_by_kind()
  }

  fn resident_pages(&self, start: u64, end: u64, residency: &mut Vec<u8>) {
    platform::resident_pages(start, end, residency);
  }

  fn resident_pages_of_run(&self, run: &[(u64, u64)], residency: &mut Vec<u8>) {
    self.pages.resident_pages_of_run(run, residency);
  }

  fn pages_in_resident_set(&self, start: u64, end: u64, residency: &mut Vec<u8>) {
    platform::pages_in_resident_set(start, end, residency);
  }

  fn smaps(&self) -> Result<Vec<u8>> {
    platform::read_smaps()
  }

  fn bytes_in_large_chunks(&self) -> Option<u64> {
    malloc::bytes_in_large_chunks()
  }

  fn page_tables_skip_holes(&self) -> bool {
    platform::pagemap_tells_zero_pages()
  }

  fn resident_file(&self, start: u64, end: u64) -> Option<FileResidency> {
    let pages = self.pages.resident_file(start, end).ok()?;
    Some(FileResidency { file: pages.file, copied: pages.copied })
  }
}
