//! Address spaces made by hand, region by region and word by word.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use rs_memusage::attribution::{
  AddressSpace, Facts, FileResidency, HeaderLayout, Isolates, Memory, Owner, Part, Plan, ResidencySource,
  Search, Survey, heap_page_candidates, survey,
};
use rs_memusage::error::Result;
use rs_memusage::parse::maps;
use rs_memusage::parse::status;

pub(crate) const PAGE: u64 = 4096;
pub(crate) const KIB: u64 = 1024;
pub(crate) const MIB: u64 = 1024 * KIB;
pub(crate) const MAIN_THREAD: i32 = 100;
/// Address of the isolate of the main thread, and of another.
pub(crate) const ISOLATE: u64 = 0x5500_0000;
pub(crate) const OTHER_ISOLATE: u64 = 0x6600_0000;
/// Where the heap lies in an isolate, in these processes.
const HEAP_IN_ISOLATE: u64 = 0xd8a8;

/// A process: memory that was written is resident, all other memory is readable and zero.
#[derive(Debug, Clone, Default)]
pub(crate) struct HandBuilt {
  /// The lines of `maps`, by the address of their region.
  pub(crate) lines: BTreeMap<u64, String>,
  readable: Vec<(u64, u64)>,
  pub(crate) resident: BTreeSet<u64>,
  /// Resident pages that a file backs.
  file_pages: BTreeSet<u64>,
  /// Pages that were read and never written.
  pub(crate) zero_pages: BTreeSet<u64>,
  words: BTreeMap<u64, u64>,
  pub(crate) facts: Facts,
  /// What the kernel counts before and after the look; by default what is there.
  pub(crate) counted: Option<(status::Memory, status::Memory)>,
  asked: RefCell<bool>,
  pub(crate) tables_skip_holes: bool,
  pub(crate) pagemap_fails: bool,
  /// The process as it is when `smaps` is read, if it is another by then.
  pub(crate) by_then: Option<Box<HandBuilt>>,
  pub(crate) read: RefCell<BTreeSet<u64>>,
}

impl HandBuilt {
  /// A process with V8 and glibc, one thread, and every isolate known.
  pub(crate) fn new() -> Self {
    let facts = Facts {
      page_size: PAGE,
      isolates: Isolates { live: [ISOLATE, OTHER_ISOLATE].into(), complete: true, ..Isolates::default() },
      engine_is_v8: true,
      main_thread: MAIN_THREAD,
      malloc_is_glibc: true,
      ..Facts::default()
    };
    Self { facts, tables_skip_holes: true, ..Self::default() }
  }

  /// Private anonymous memory.
  pub(crate) fn anonymous(self, start: u64, size: u64, access: &str) -> Self {
    self.named(start, size, access, 0, "")
  }

  pub(crate) fn named(mut self, start: u64, size: u64, access: &str, inode: u64, name: &str) -> Self {
    let end = start + size;
    self.lines.insert(start, format!("{start:x}-{end:x} {access} 00000000 00:00 {inode}   {name}\n"));
    if access.starts_with('r') {
      self.readable.push((start, end));
    }
    self
  }

  /// Makes memory resident.
  pub(crate) fn touched(mut self, start: u64, size: u64) -> Self {
    self.resident.extend((start..start + size).step_by(4096));
    self
  }

  /// Takes away the start of a region, after the regions were read.
  pub(crate) fn gone(mut self, start: u64, size: u64) -> Self {
    for (from, _) in self.readable.iter_mut().filter(|(from, _)| *from == start) {
      *from += size;
    }
    self.resident.retain(|page| !(start..start + size).contains(page));
    self
  }

  /// Makes memory resident that a file backs.
  pub(crate) fn loaded(mut self, start: u64, size: u64) -> Self {
    self.file_pages.extend((start..start + size).step_by(4096));
    self
  }

  pub(crate) fn words(mut self, address: u64, words: &[u64]) -> Self {
    for (word, address) in words.iter().zip((address..).step_by(8)) {
      self.words.insert(address, *word);
      self.resident.insert(address - address % PAGE);
    }
    self
  }

  /// A chunk of malloc's with a mapping of its own, resident as a whole.
  pub(crate) fn chunk(self, start: u64, size: u64) -> Self {
    self.touched(start, size).words(start, &[0, size | 2])
  }

  /// The header of a V8 page as it was up to V8 12: the heap is named in the header.
  pub(crate) fn page(self, start: u64, isolate: u64) -> Self {
    self.touched(start, 256 * KIB).untouched_page(start, isolate)
  }

  /// The same, of which nothing but the header was written.
  pub(crate) fn untouched_page(self, start: u64, isolate: u64) -> Self {
    self.words(start, &[0x68, 256 * KIB, isolate + HEAP_IN_ISOLATE, 0, 0x1234])
  }

  /// The header of a V8 page as it is from 13.6 on: it names an object that names the heap.
  pub(crate) fn page_with_metadata(self, start: u64, metadata: u64, isolate: u64) -> Self {
    self
      .touched(start, 256 * KIB)
      .words(start, &[0x68, metadata])
      .words(metadata, &[start, start + 0x100, 0, 0, isolate + HEAP_IN_ISOLATE])
  }

  pub(crate) fn thread(mut self, thread: i32, control_block: u64) -> Self {
    self.facts.control_blocks.push((thread, control_block));
    self
  }

  /// Finds the layout of V8's pages here.
  pub(crate) fn with_layout(mut self) -> Self {
    self.facts.layout = self.layout();
    assert!(self.facts.layout.is_some());
    self
  }

  pub(crate) fn layout(&self) -> Option<HeaderLayout> {
    let mut regions = Vec::new();
    maps::parse(&self.maps().unwrap(), &mut regions).unwrap();
    HeaderLayout::find(self, &heap_page_candidates(&regions), ISOLATE)
  }

  pub(crate) fn look(&self, source: ResidencySource, every_piece: bool) -> Survey {
    survey(self, &self.facts, Plan { source, whole: &[], every_piece, search: Search::Near }).unwrap()
  }

  /// Start, end, part and owner of every piece.
  pub(crate) fn pieces(&self) -> Vec<(u64, u64, Part, Owner)> {
    let survey = self.look(ResidencySource::Mincore, true);
    survey
      .measured
      .iter()
      .map(|measured| (measured.piece.start, measured.piece.end, measured.piece.part, measured.piece.owner))
      .collect()
  }

  /// What the kernel would count.
  pub(crate) fn there(&self) -> status::Memory {
    let bytes = |pages: &BTreeSet<u64>| u64::try_from(pages.len()).unwrap() * PAGE;
    status::Memory {
      anonymous: bytes(&self.resident),
      file: bytes(&self.file_pages),
      shared: 0,
      swap: Some(0),
      threads: 1,
    }
  }

  fn word(&self, address: u64) -> Option<u64> {
    self.read.borrow_mut().insert(address);
    let readable = self.readable.iter().any(|(start, end)| *start <= address && address <= end - 8);
    readable.then(|| self.words.get(&address).copied().unwrap_or(0))
  }
}

impl Memory for HandBuilt {
  fn read(&self, address: u64, words: &mut [u64]) -> bool {
    for (index, word) in words.iter_mut().enumerate() {
      let address =
        u64::try_from(index).unwrap().checked_mul(8).and_then(|offset| address.checked_add(offset));
      let Some(value) = address.and_then(|address| self.word(address)) else { return false };
      *word = value;
    }
    true
  }

  fn gather(&self, addresses: &[u64], width: usize, words: &mut Vec<u64>) {
    words.clear();
    for address in addresses {
      let mut read = vec![0; width];
      if !self.read(*address, &mut read) {
        read.fill(0);
      }
      words.append(&mut read);
    }
  }
}

impl AddressSpace for HandBuilt {
  fn maps(&self) -> Result<Vec<u8>> {
    Ok(self.lines.values().flat_map(|line| line.bytes()).collect())
  }

  fn memory_by_kind(&self) -> Result<status::Memory> {
    let (before, after) = self.counted.unwrap_or((self.there(), self.there()));
    let is_after = self.asked.replace(true);
    self.asked.replace(!is_after);
    Ok(if is_after { after } else { before })
  }

  fn resident_pages(&self, start: u64, end: u64, residency: &mut Vec<u8>) {
    let pages = (start..end).step_by(4096);
    let resident = |page: u64| self.resident.contains(&page) || self.zero_pages.contains(&page);
    // The kernel reserves the other bits of each byte.
    residency.extend(pages.map(|page| 0xF0 | u8::from(resident(page))));
  }

  fn pages_in_resident_set(&self, start: u64, end: u64, residency: &mut Vec<u8>) {
    let pages = (start..end).step_by(4096);
    residency.extend(pages.map(|page| u8::from(self.resident.contains(&page))));
  }

  fn smaps(&self) -> Result<Vec<u8>> {
    if let Some(by_then) = &self.by_then {
      return by_then.smaps();
    }
    let blocks = self.lines.values().map(|line| {
      let (start, rest) = line.split_once('-').unwrap();
      let (end, _) = rest.split_once(' ').unwrap();
      let [start, end] = [start, end].map(|address| u64::from_str_radix(address, 16).unwrap());
      let count = self.resident.range(start..end).count() + self.file_pages.range(start..end).count();
      format!("{line}Rss: {0} kB\nPss: {0} kB\nAnonymous: {0} kB\nSwap: 0 kB\n", count * 4)
    });
    Ok(blocks.flat_map(String::into_bytes).collect())
  }

  fn page_tables_skip_holes(&self) -> bool {
    self.tables_skip_holes
  }

  fn resident_file(&self, start: u64, end: u64) -> Option<FileResidency> {
    let bytes = |pages: &BTreeSet<u64>| u64::try_from(pages.range(start..end).count()).unwrap() * PAGE;
    (!self.pagemap_fails)
      .then(|| FileResidency { file: bytes(&self.file_pages), copied: bytes(&self.resident) })
  }
}
