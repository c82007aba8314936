//! Any text as `/proc/self/status`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rs_memusage::parse::status;

fuzz_target!(|text: &[u8]| {
  if let Ok(memory) = status::memory(text, || None) {
    for size in [memory.anonymous, memory.file, memory.shared] {
      assert_eq!(size % 1024, 0, "the kernel prints whole KiB");
      assert!(memory.resident() >= size);
    }
    assert_eq!(memory.swap.unwrap_or(0) % 1024, 0, "the kernel prints whole KiB");
  }
  if let Ok(Some(peak)) = status::peak_resident(text) {
    assert_eq!(peak % 1024, 0, "the kernel prints whole KiB");
    assert!(text.windows(6).any(|name| name == b"VmHWM:"));
  }
  assert_eq!(status::huge_pages(text) % 1024, 0, "the kernel prints whole KiB");
  let _no_panic = (status::seccomp_filters(text), status::namespace_numbers(text).count());
});
