//! Any text as `/proc/self/status`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rs_memusage::parse::status;

fuzz_target!(|text: &[u8]| {
  if let Ok(memory) = status::memory(text) {
    for size in [memory.anonymous, memory.file, memory.shared, memory.swap] {
      assert_eq!(size % 1024, 0, "the kernel prints whole KiB");
      assert!(memory.resident() >= size || size == memory.swap);
    }
  }
  if let Ok(peak) = status::peak_resident(text) {
    assert_eq!(peak % 1024, 0, "the kernel prints whole KiB");
    assert!(text.windows(6).any(|name| name == b"VmHWM:"));
  }
});
