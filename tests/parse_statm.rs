//! `/proc/<pid>/statm`: captured text, malformed text, any bytes.

use proptest::prelude::*;
use rs_memusage::parse::ParseError;
use rs_memusage::parse::statm::{Statm, parse, resident};

#[test]
fn reads_the_lines_of_real_kernels() {
  let captured: [(&[u8], Statm); 3] = [
    (b"152345 11345 8123 11923 0 45678 0\n", Statm { resident: 11345, shared: 8123 }),
    (b"0 0 0 0 0 0 0\n", Statm { resident: 0, shared: 0 }), // a kernel thread or a zombie
    (b"8589934592 8589934591 1 1 0 1 0\n", Statm { resident: 8_589_934_591, shared: 1 }), // 32 TiB of 4 KiB pages
  ];
  for (text, expected) in captured {
    assert_eq!(parse(text), Ok(expected), "{}", String::from_utf8_lossy(text));
    assert_eq!(resident(text), Ok(expected.resident), "{}", String::from_utf8_lossy(text));
  }
}

#[test]
fn names_the_first_count_that_is_wrong() {
  let malformed: [(&[u8], &str); 12] = [
    (b"", "size"),
    (b"\n", "size"),
    (b"1", "size"),
    (b"1 2", "resident"),
    (b"1 -2 3 4 5 6 7\n", "resident"),
    (b"1 2  3 4 5 6 7\n", "shared"),
    (b"1 2 3 4 5 6\n", "data"),
    (b"1 2 3 4 5 6 7", "dt"),
    (b"1 2 3 4 5 6 7\n8", "dt"),
    (b"1 2 3 4 5 6 7\n\n", "dt"),
    (b"1 99999999999999999999 3 4 5 6 7\n", "resident"), // 20 digits do not fit into 64 bits
    (b"1234 (node) S 1 1 1 0 -1\n", "resident"),         // /proc/<pid>/stat
  ];
  for (text, field) in malformed {
    assert_eq!(parse(text), Err(ParseError { field }), "{}", String::from_utf8_lossy(text));
    assert_eq!(resident(text), Err(ParseError { field }), "{}", String::from_utf8_lossy(text));
  }
}

proptest! {
  #[test]
  fn takes_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
    let _no_panic = (parse(&bytes), resident(&bytes));
  }

  #[test]
  fn takes_any_digits_and_spaces(text in "[0-9 \n]{0,80}") {
    let (parsed, quick) = (parse(text.as_bytes()), resident(text.as_bytes()));
    prop_assert!(parsed.is_err() || quick == parsed.map(|statm| statm.resident));
  }

  #[test]
  fn gives_back_what_was_written(counts in proptest::array::uniform7(0_u64..10_000_000_000_000_000_000)) {
    let [size, resident, shared, text, lib, data, dirty] = counts;
    let line = format!("{size} {resident} {shared} {text} {lib} {data} {dirty}\n");
    prop_assert_eq!(parse(line.as_bytes()), Ok(Statm { resident, shared }));
    prop_assert_eq!(rs_memusage::parse::statm::resident(line.as_bytes()), Ok(resident));
  }
}
