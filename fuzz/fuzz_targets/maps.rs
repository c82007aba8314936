//! Any text as `/proc/self/maps`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rs_memusage::parse::maps;

fuzz_target!(|text: &[u8]| {
  let mut regions = Vec::new();
  let outcome = maps::parse(text, &mut regions);
  for region in &regions {
    assert!(region.start < region.end && region.size() == region.end - region.start);
    assert!(region.name.end <= text.len() && region.name.start <= region.name.end);
    let name = region.name(text);
    assert_eq!(name.len(), region.name.len(), "the range of a name stays inside the text");
    assert!(!name.contains(&b'\n') && !name.starts_with(b" "), "a name is a part of one line");
  }
  for pair in regions.windows(2) {
    assert!(pair[0].end <= pair[1].start, "in address order and without overlaps");
    assert!(pair[0].name.end <= pair[1].name.start, "names in the order of their lines");
  }
  if outcome.is_ok() {
    assert!(regions.len() <= text.split(|byte| *byte == b'\n').count(), "at most one region a line");
  }
});
