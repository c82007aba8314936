//! `/proc/<pid>/status`: captured text, malformed text, any bytes.

use proptest::prelude::*;
use rs_memusage::parse::ParseError;
use rs_memusage::parse::status::{
  Memory, huge_pages, memory, namespace_numbers, peak_resident, seccomp_filters,
};

const BASH: &[u8] = include_bytes!("fixtures/status-6.18-bash.txt");
/// As gVisor prints it: no peak, no split of what is resident, no swap.
const GVISOR: &[u8] = b"Name:\tnode\nState:\tS (sleeping)\nTgid:\t1\nPid:\t1\nPPid:\t0\nFDSize:\t256\nVmSize:\t1000 kB\nVmRSS:\t500 kB\nVmData:\t400 kB\nThreads:\t11\nSeccomp:\t0\nMems_allowed:\t1\n";

#[test]
fn finds_the_peak_in_a_captured_file() {
  assert_eq!(peak_resident(BASH), Ok(Some(2192 * 1024)));
}

#[test]
fn takes_no_other_line_for_the_peak() {
  let texts: [&[u8]; 3] = [
    b"",
    b"Name:\tVmHWM:\nVmRSS:\t     1 kB\n", // the name of a thread is its own choice
    b"VmHWMs:\t 1 kB\n",
  ];
  for text in texts {
    assert_eq!(peak_resident(text), Ok(None), "{}", String::from_utf8_lossy(text));
  }
  let malformed: [&[u8]; 4] = [
    b"VmHWM:\t\n",
    b"VmHWM:\t  12 MB\n",
    b"VmHWM:\t  -12 kB\n",
    b"VmHWM:\t  18446744073709551615 kB\n", // would wrap when turned into bytes
  ];
  for text in malformed {
    assert_eq!(peak_resident(text), Err(ParseError { field: "VmHWM" }), "{}", String::from_utf8_lossy(text));
  }
}

#[test]
fn what_a_kernel_does_not_tell_is_unknown_or_found_elsewhere() {
  let told = memory(BASH, || panic!("status has it")).unwrap();
  assert!(told.anonymous > 0 && told.file > 0 && told.swap.is_some() && told.threads == 1);
  let resident = || Some((500 * 1024, 100 * 1024));
  let expected = Memory { anonymous: 400 * 1024, file: 100 * 1024, shared: 0, swap: None, threads: 11 };
  assert_eq!(memory(GVISOR, resident), Ok(expected));
  assert_eq!(memory(GVISOR, || None), Err(ParseError { field: "RssAnon" }));
  assert_eq!(memory(b"RssAnon:\t1 MB\n", resident), Err(ParseError { field: "RssAnon" }));
  assert_eq!(peak_resident(GVISOR), Ok(None));
  assert_eq!((seccomp_filters(GVISOR), huge_pages(GVISOR)), (None, 0));
  assert_eq!(namespace_numbers(GVISOR).count(), 0);
}

#[test]
fn finds_what_stands_behind_all_groups() {
  let groups = (100_000..110_000).map(|group| group.to_string()).collect::<Vec<_>>().join(" ") + " ";
  let text = format!(
    "Name:\tx\nGroups:\t{groups}\nNSpid:\t4242\t7\nHugetlbPages:\t4096 kB\nSeccomp:\t2\nSeccomp_filters:\t3\n"
  );
  let text = text.as_bytes();
  assert_eq!(namespace_numbers(text).collect::<Vec<_>>(), [4242, 7]);
  assert_eq!((huge_pages(text), seccomp_filters(text)), (4096 * 1024, Some(3)));
}

proptest! {
  #[test]
  fn takes_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
    let _no_panic = (peak_resident(&bytes), memory(&bytes, || None), namespace_numbers(&bytes).count());
  }

  #[test]
  fn takes_any_value(value in "[ \t0-9a-zB-]{0,40}") {
    let _no_panic = peak_resident(format!("VmHWM:{value}\n").as_bytes());
  }
}
