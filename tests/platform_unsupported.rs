//! A platform that we cannot measure says so in every function.
#![cfg(feature = "unsupported")]

use rs_memusage::MeasureError;
use rs_memusage::malloc::{allocator_name, statistics, trim};
use rs_memusage::platform::{
  SUPPORTED, allocate_zeroed, borrow_spare_descriptor, defining_object, find_symbol, footprint,
  peak_resident_set_size, prepare, read_own_words, reset_peak_resident_set_size, resident_set_size,
  return_spare_descriptor,
};

#[test]
fn nothing_is_guessed() {
  prepare();
  assert!(!std::hint::black_box(SUPPORTED));
  assert_eq!(resident_set_size(), Err(MeasureError::Unsupported { what: "the resident set size" }));
  assert_eq!(resident_set_size().unwrap_err().code(), "ERR_MEMUSAGE_UNSUPPORTED");
  for pid in [None, Some(1)] {
    assert_eq!(footprint(pid), Err(MeasureError::Unsupported { what: "the footprint of a process" }));
  }
  assert_eq!(peak_resident_set_size(), Ok(None));
  assert_eq!(reset_peak_resident_set_size(), Ok(false));
}

#[test]
fn nothing_of_the_host_is_touched() {
  let known = [1_u64];
  let mut words = [0];
  assert!(!read_own_words(known.as_ptr().addr(), &mut words));
  assert_eq!(find_symbol(c"malloc"), None);
  assert_eq!(defining_object(c"malloc"), None);
  assert_eq!(allocate_zeroed(1), None);
  assert!(!borrow_spare_descriptor());
  return_spare_descriptor();
}

#[test]
fn no_allocator_is_known() {
  assert_eq!(allocator_name(), None);
  assert_eq!(statistics(), None);
  assert!(!trim());
}
