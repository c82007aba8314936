//! Address spaces that no ordinary process has.

use rs_memusage::MeasureError;
use rs_memusage::attribution::{
  AddressSpace, Facts, FileResidency, Memory, Part, Plan, ResidencySource, Search, heap_page_candidates,
  survey,
};
use rs_memusage::parse::{maps, status};

const GIB: u64 = 1024 * 1024 * 1024;

/// What `AddressSanitizer` reserves for its shadow memory, readable and writable, between two small regions.
const SANITIZED: &str = "\
  7fff7000-8fff7000 rw-p 00000000 00:00 0\n\
  2008fff7000-10007fff8000 rw-p 00000000 00:00 0\n\
  7f0000000000-7f0000040000 rw-p 00000000 00:00 0\n";

struct Sanitized;

impl Memory for Sanitized {
  fn read(&self, _address: u64, words: &mut [u64]) -> bool {
    words.fill(0);
    true
  }

  fn gather(&self, addresses: &[u64], width: usize, words: &mut Vec<u64>) {
    words.clear();
    words.resize(addresses.len().saturating_mul(width), 0);
  }
}

impl AddressSpace for Sanitized {
  fn maps(&self) -> Result<Vec<u8>, MeasureError> {
    Ok(SANITIZED.as_bytes().to_vec())
  }

  fn memory_by_kind(&self) -> Result<status::Memory, MeasureError> {
    Ok(status::Memory { anonymous: GIB, file: 0, shared: 0, swap: Some(0), threads: 1 })
  }

  fn resident_pages(&self, start: u64, end: u64, residency: &mut Vec<u8>) {
    let size = end.saturating_sub(start);
    assert!(size <= GIB, "a byte for each page of {start:x}-{end:x}");
    residency.extend((0..size.div_ceil(4096)).map(|_| 1));
  }

  fn pages_in_resident_set(&self, start: u64, end: u64, residency: &mut Vec<u8>) {
    self.resident_pages(start, end, residency);
  }

  fn smaps(&self) -> Result<Vec<u8>, MeasureError> {
    unreachable!()
  }

  fn page_tables_skip_holes(&self) -> bool {
    true
  }

  fn resident_file(&self, _start: u64, _end: u64) -> Option<FileResidency> {
    None
  }
}

#[test]
fn the_pages_of_an_immense_region_are_not_asked_for_one_by_one() {
  let facts = Facts { page_size: 4096, engine_is_v8: true, malloc_is_glibc: true, ..Facts::default() };
  for every_piece in [false, true] {
    let plan = Plan { source: ResidencySource::Mincore, whole: &[], every_piece, search: Search::Near };
    let survey = survey(&Sanitized, &facts, plan).unwrap();
    assert_eq!(survey.breakdown.resident(), GIB);
    assert_eq!(survey.measured.iter().map(|measured| measured.piece.region).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(survey.measured[1].resident, 0);
    let measured: u64 = survey.measured.iter().map(|measured| measured.resident).sum();
    assert_eq!(measured, 256 * 1024 * 1024 + 256 * 1024);
    assert_eq!(survey.breakdown.part(Part::Other), GIB, "what is not measured is not attributed either");
  }
}

#[test]
fn the_last_page_of_all_addresses_is_no_page_of_v8() {
  let mut regions = Vec::new();
  maps::parse(b"fffffffffffff000-ffffffffffffffff rw-p 00000000 00:00 0\n", &mut regions).unwrap();
  assert_eq!(heap_page_candidates(&regions), []);
}
