//! Finding the few words that lie in a range of addresses among hundreds of millions.

/// Words that are compared at once. Nearly all lie outside, and the processor tells so for several in a step.
const BLOCK: usize = 32;

/// A range of addresses.
#[derive(Debug, Clone, Copy)]
pub struct AddressRange {
  first: u64,
  span: u64,
  /// Bits that the distance from `first` to an address that is meant has not. Testing them takes the oldest processors
  /// less than comparing the distance; a word that passes is compared after all.
  clear: u64,
}

impl AddressRange {
  /// From `first` to `last`, both included.
  pub fn new(first: u64, last: u64) -> Self {
    let span = last.saturating_sub(first);
    let clear = u64::MAX.checked_shl(u64::BITS.saturating_sub(span.leading_zeros())).unwrap_or(0);
    Self { first, span, clear }
  }

  /// From `start` up to and without `end`, where only multiples of eight are meant. `start` is one.
  pub fn of_pointers(start: u64, end: u64) -> Self {
    const LOWEST_BITS: u64 = 7;
    let range = Self::new(start, end.saturating_sub(1));
    Self { clear: range.clear | LOWEST_BITS, ..range }
  }

  /// Calls `found` with the position of each word inside.
  pub fn find(self, words: &[u64], found: impl FnMut(usize)) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
      // SAFETY: this processor has AVX2.
      return unsafe { self.find_with_avx2(words, found) };
    }
    self.find_portably(words, found);
  }

  /// The same for any processor.
  pub fn find_portably(self, words: &[u64], found: impl FnMut(usize)) {
    self.find_in_blocks(words, found);
  }

  /// The same code, with four words to a register instead of two.
  #[cfg(target_arch = "x86_64")]
  #[target_feature(enable = "avx2")]
  fn find_with_avx2(self, words: &[u64], found: impl FnMut(usize)) {
    self.find_in_blocks(words, found);
  }

  #[expect(clippy::inline_always, reason = "it is compiled for the features of whoever calls it")]
  #[inline(always)]
  fn find_in_blocks(self, words: &[u64], mut found: impl FnMut(usize)) {
    let (blocks, rest) = words.as_chunks::<BLOCK>();
    let mut position = 0_usize;
    for block in blocks {
      if block.iter().fold(false, |any, word| any | (word.wrapping_sub(self.first) & self.clear == 0)) {
        self.find_one_by_one(block, position, &mut found);
      }
      position = position.saturating_add(BLOCK);
    }
    self.find_one_by_one(rest, position, &mut found);
  }

  fn find_one_by_one(self, words: &[u64], position: usize, found: &mut impl FnMut(usize)) {
    let is_meant = |word: u64| {
      let distance = word.wrapping_sub(self.first);
      distance <= self.span && distance & self.clear == 0
    };
    (position..).zip(words).filter(|(_, word)| is_meant(**word)).for_each(|(place, _)| found(place));
  }
}
