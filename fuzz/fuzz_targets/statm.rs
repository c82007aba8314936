//! Any text as `/proc/self/statm`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rs_memusage::parse::statm;

fuzz_target!(|text: &[u8]| {
  let resident = statm::resident(text);
  // The hot path reads less of the line: it may take what the whole reading refuses, but never give another count.
  if let Ok(whole) = statm::parse(text) {
    assert_eq!(resident, Ok(whole.resident));
    assert!(text.ends_with(b"\n") && text.split(|byte| *byte == b' ').count() == 7);
  }
});
