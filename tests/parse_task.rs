//! `/proc/<pid>/task/<tid>/syscall` and `stat`: captured text, malformed text, any bytes.

use proptest::prelude::*;
use rs_memusage::parse::ParseError;
use rs_memusage::parse::task_stat::state;
use rs_memusage::parse::task_syscall::{Call, parse};

#[test]
fn reads_what_real_kernels_say_of_a_system_call() {
  let waiting = |number, first_argument| Call::Waiting { number, first_argument };
  let captured: [(&[u8], Call); 4] = [
    (b"running\n", Call::Running),
    (b"232 0xd 0x7ffd2a0 0x400 0x3e8 0x0 0x8 0x7ffd280 0x7f10c4\n", waiting(232, 13)),
    (b"202 0x7f0c080 0x189 0x0 0x0 0x0 0xffffffff 0x7f0be 0x7f0e\n", waiting(202, 0x7f0_c080)),
    (b"-1 0x7ffc0a5f 0x55d0c\n", waiting(-1, 0)), // it waits for a page
  ];
  for (text, expected) in captured {
    assert_eq!(parse(text), Ok(expected), "{}", String::from_utf8_lossy(text));
  }
}

#[test]
fn names_what_is_wrong_with_a_system_call() {
  let malformed: [(&[u8], &str); 6] = [
    (b"", "number"),
    (b"sleeping", "number"),
    (b"-2 0x1", "number"),
    (b"99999999999999999999 0x1", "number"),
    (b"232 13", "argument"),
    (b"232 0x", "argument"),
  ];
  for (text, field) in malformed {
    assert_eq!(parse(text), Err(ParseError { field }), "{}", String::from_utf8_lossy(text));
  }
}

#[test]
fn reads_the_state_behind_any_name() {
  let captured: [(&[u8], u8); 4] = [
    (b"4711 (node) S 1 4711 4711 0 -1 4194304", b'S'),
    (b"4711 (V8Worker) R 1 4711", b'R'),
    (b"4711 (a) R (b) D 1 4711", b'D'),
    (b"4711 () Z 1", b'Z'),
  ];
  for (text, expected) in captured {
    assert_eq!(state(text), Ok(expected), "{}", String::from_utf8_lossy(text));
  }
  for text in
    [&b""[..], b"4711 node S 1", b"4711 (node)", b"4711 (node) ", b"4711 (node) 1 2", b"4711 (node) S"]
  {
    assert_eq!(state(text), Err(ParseError { field: "state" }), "{}", String::from_utf8_lossy(text));
  }
}

proptest! {
  #[test]
  fn any_bytes_are_read_or_refused(text in proptest::collection::vec(any::<u8>(), 0..200)) {
    if let Ok(state) = state(&text) {
      prop_assert!(state.is_ascii_alphabetic());
    }
    let _read_or_refused = parse(&text);
  }
}
