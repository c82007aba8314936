//! `/proc/<pid>/status`: captured text, malformed text, any bytes.

use proptest::prelude::*;
use rs_memusage::parse::ParseError;
use rs_memusage::parse::status::peak_resident;

const BASH: &[u8] = include_bytes!("fixtures/status-6.18-bash.txt");

#[test]
fn finds_the_peak_in_a_captured_file() {
  assert_eq!(peak_resident(BASH), Ok(2192 * 1024));
}

#[test]
fn takes_no_other_line_for_the_peak() {
  let texts: [&[u8]; 6] = [
    b"",
    b"Name:\tVmHWM:\nVmRSS:\t     1 kB\n", // the name of a thread is its own choice
    b"VmHWM:\t\n",
    b"VmHWM:\t  12 MB\n",
    b"VmHWM:\t  -12 kB\n",
    b"VmHWM:\t  18446744073709551615 kB\n", // would wrap when turned into bytes
  ];
  for text in texts {
    assert_eq!(peak_resident(text), Err(ParseError { field: "VmHWM" }), "{}", String::from_utf8_lossy(text));
  }
}

proptest! {
  #[test]
  fn takes_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
    let _no_panic = peak_resident(&bytes);
  }

  #[test]
  fn takes_any_value(value in "[ \t0-9a-zB-]{0,40}") {
    let _no_panic = peak_resident(format!("VmHWM:{value}\n").as_bytes());
  }
}
