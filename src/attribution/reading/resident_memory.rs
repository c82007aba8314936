//! Memory of which only resident pages are read: reading any other would map a page for the reader.

use super::address_space::Memory;
use super::residency::Residency;

/// See the module.
pub(in crate::attribution) struct ResidentMemory<'a> {
  memory: &'a dyn Memory,
  residency: &'a Residency,
}

impl<'a> ResidentMemory<'a> {
  pub(in crate::attribution) fn new(memory: &'a dyn Memory, residency: &'a Residency) -> Self {
    Self { memory, residency }
  }

  fn may_read(&self, address: u64) -> bool {
    self.residency.is_resident(address)
  }
}

impl Memory for ResidentMemory<'_> {
  fn read(&self, address: u64, words: &mut [u64]) -> bool {
    let length = u64::try_from(size_of_val(words)).unwrap_or(u64::MAX);
    let last = address.saturating_add(length.saturating_sub(1));
    self.may_read(address) && self.may_read(last) && self.memory.read(address, words)
  }

  fn gather(&self, addresses: &[u64], width: usize, words: &mut Vec<u64>) {
    let allowed: Vec<u64> =
      addresses.iter().map(|address| if self.may_read(*address) { *address } else { 0 }).collect();
    self.memory.gather(&allowed, width, words);
  }

  fn readable_pages(&self, start: u64, end: u64, _page_size: u64, most: usize) -> Vec<u64> {
    self.residency.pages_between(start, end, most)
  }

  fn retain_resident(&self, pages: &mut Vec<u64>, page_size: u64) {
    self.memory.retain_resident(pages, page_size);
  }
}
