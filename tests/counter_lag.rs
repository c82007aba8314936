//! How late each kernel's counts of resident memory may be.

use rs_memusage::platform::counter_lag::{Counters, lag_of};

const PAGE: u64 = 4096;

fn pages_late(release: &str, threads: u64, processors: u64) -> u64 {
  lag_of(release, Counters { threads, processors, page_size: PAGE }) / PAGE
}

#[test]
fn before_6_2_each_thread_is_late() {
  for release in ["4.18.0-553.el8_10.x86_64", "5.10.0-32-cloud-amd64", "5.15.0-1071-aws", "6.1.0-37-amd64"] {
    assert_eq!(pages_late(release, 1, 64), 65, "{release}");
    assert_eq!(pages_late(release, 20, 2), 1300, "{release}");
  }
}

#[test]
fn from_6_2_to_6_15_each_processor_is_late_by_a_batch() {
  for release in ["6.2.0", "6.6.52-1.azl3", "6.8.0-45-generic", "6.12.41+deb13-cloud-amd64", "6.15.9"] {
    assert_eq!(pages_late(release, 1000, 2), 64, "{release}");
    assert_eq!(pages_late(release, 1, 64), 64 * 128, "{release}");
  }
}

#[test]
fn from_6_16_on_and_where_the_version_is_not_known_nothing_is_late() {
  for release in ["6.16.0", "6.18.5", "7.0.0-rc1", "10.2", "", "unknown", "6"] {
    assert_eq!(pages_late(release, 1000, 64), 0, "{release}");
  }
}

#[test]
fn the_lag_is_told_in_bytes_of_the_page_size_and_never_wraps() {
  let counters = Counters { threads: 2, processors: 1, page_size: 65536 };
  assert_eq!(lag_of("5.10.1", counters), 2 * 65 * 65536);
  let endless = Counters { threads: u64::MAX, processors: u64::MAX, page_size: u64::MAX };
  assert_eq!(lag_of("5.10.1", endless), u64::MAX);
  assert_eq!(lag_of("6.8.0", endless), u64::MAX);
}
