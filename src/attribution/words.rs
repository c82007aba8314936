//! What a word of memory may be.

/// Whether a word can be the address of an object.
pub(super) fn is_pointer(word: u64) -> bool {
  word > 0xFFFF && word < 1 << 56 && word.is_multiple_of(8)
}
