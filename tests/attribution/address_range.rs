//! The few words in a range of addresses, found by every processor's code.

use proptest::prelude::*;
use rs_memusage::attribution::AddressRange;

fn check(first: u64, last: u64, words: &[u64]) {
  let expected: Vec<usize> =
    (0..words.len()).filter(|index| (first..=last).contains(&words[*index])).collect();
  let (mut found, mut portably) = (Vec::new(), Vec::new());
  AddressRange::new(first, last).find(words, |position| found.push(position));
  AddressRange::new(first, last).find_portably(words, |position| portably.push(position));
  assert_eq!(found, expected);
  assert_eq!(portably, expected);
}

#[test]
fn the_ends_of_a_range_belong_to_it() {
  for (first, last) in
    [(16, 16), (4096, 8191), (4096, 8192), (4097, 8192), (0, u64::MAX), (u64::MAX, u64::MAX)]
  {
    let words = [first, last, first.wrapping_sub(1), last.wrapping_add(1), 0, u64::MAX, first / 2 + last / 2];
    for length in [0, 1, 7, 31, 32, 33, 100] {
      check(first, last, &words.iter().copied().cycle().take(length).collect::<Vec<_>>());
    }
  }
}

proptest! {
  #[test]
  fn what_is_found_is_what_lies_inside(
    first in any::<u64>(),
    span in prop_oneof![0..1_u64 << 20, any::<u64>()],
    words in prop::collection::vec((any::<u64>(), any::<bool>()), 0..200),
  ) {
    let last = first.saturating_add(span);
    let near = |(word, is_near): &(u64, bool)| {
      if *is_near { first.wrapping_add(word % span.saturating_add(3).max(1)).wrapping_sub(1) } else { *word }
    };
    check(first, last, &words.iter().map(near).collect::<Vec<_>>());
  }
}
