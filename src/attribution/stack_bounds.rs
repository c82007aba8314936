//! Where the stack of a thread begins and ends, as its control block says.
//!
//! glibc and musl note in the control block of a thread the lowest address of its stack and the size; glibc does so too
//! of memory that the program brought along, which has no guard and may adjoin anything. Where in the block is found
//! out: it is the one place where all threads have a range that holds their own control block.

use super::reading::Memory;

/// How far behind the known address of a control block the range is looked for.
const SEARCHED_WORDS: usize = 192;
/// Words read in one go: with musl the memory may end before the search does.
const BLOCK: usize = 8;
/// No stack is smaller than this (`PTHREAD_STACK_MIN`).
const SMALLEST: u64 = 16 * 1024;
/// Or larger than a limit that nobody sets.
const LARGEST: u64 = 64 * 1024 * 1024 * 1024;
/// musl maps the control block apart from a stack that the program brought along, and notes that mapping of a page or two
/// as the range.
const SMALLEST_MAPPING: u64 = 4096;

/// The place of the range in a control block. The same for all threads of a C library.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StackBounds {
  word: usize,
}

impl StackBounds {
  /// Finds the place in these control blocks, given by the kernel's thread id and the known address. That of
  /// `main_thread` says nothing: its stack is the kernel's.
  pub fn find(memory: &impl Memory, blocks: &[(i32, u64)], main_thread: i32) -> Option<Self> {
    const ENOUGH_THREADS: usize = 4;
    let blocks = blocks.iter().filter(|(thread, _)| *thread != main_thread);
    let blocks: Vec<u64> = blocks.map(|(_, block)| *block).take(ENOUGH_THREADS).collect();
    let places =
      (0..SEARCHED_WORDS).step_by(BLOCK).filter_map(|word| u64::try_from(word.checked_mul(8)?).ok());
    let addresses: Vec<u64> =
      blocks.iter().flat_map(|block| places.clone().map(|place| block.saturating_add(place))).collect();
    let mut words = Vec::new();
    memory.gather(&addresses, BLOCK, &mut words);
    let holds_block = |word: usize| {
      let mut threads = blocks.iter().zip(words.chunks_exact(SEARCHED_WORDS));
      threads.all(|(block, words)| {
        let range = words.get(word..).and_then(|words| words.first_chunk::<2>());
        range.is_some_and(|range| is_mapping(*range) && range_around(*block, *range, SMALLEST).is_some())
      })
    };
    let mut places = (0..SEARCHED_WORDS).filter(|word| holds_block(*word));
    let word = places.next().filter(|_| !blocks.is_empty())?;
    places.next().is_none().then_some(Self { word })
  }

  /// For each control block the first address of the stack and the first behind it; `None` where the block says
  /// nothing that could be true, and for `main_thread`: its stack is the kernel's, its control block lies elsewhere, in a
  /// page or two of its own.
  pub(super) fn of(
    self,
    memory: &dyn Memory,
    blocks: &[(i32, u64)],
    main_thread: i32,
  ) -> Vec<Option<(u64, u64)>> {
    let offset = u64::try_from(self.word).unwrap_or(0).saturating_mul(8);
    let addresses: Vec<u64> = blocks.iter().map(|(_, block)| block.saturating_add(offset)).collect();
    let mut words = Vec::new();
    memory.gather(&addresses, 2, &mut words);
    let (ranges, _) = words.as_chunks::<2>();
    let bounds = |((thread, block), range): (&(i32, u64), &[u64; 2])| match thread {
      thread if *thread == main_thread => None,
      _ => range_around(*block, *range, SMALLEST_MAPPING)
        .or_else(|| range_below(memory, *block, block.checked_add(offset)?.checked_add(16)?)),
    };
    blocks.iter().zip(ranges).map(bounds).collect()
  }
}

/// Whether the range has whole pages, as the stacks that glibc maps by itself.
fn is_mapping([start, size]: [u64; 2]) -> bool {
  const PAGE: u64 = 4096;
  start.is_multiple_of(PAGE) && size.is_multiple_of(PAGE)
}

/// The range that starts at the first word and has the second for its size, if it is not below `least` and can be the
/// stack above which this control block lies.
fn range_around(block: u64, [start, size]: [u64; 2], least: u64) -> Option<(u64, u64)> {
  let end = start.checked_add(size)?;
  ((least..=LARGEST).contains(&size) && (start..end).contains(&block)).then_some((start, end))
}

/// musl notes behind that range, at `place`, where the stack proper ends, and its size: all that there is of one that the
/// program brought along and that has room for the control block, which then stands right above it.
fn range_below(memory: &dyn Memory, block: u64, place: u64) -> Option<(u64, u64)> {
  /// What musl puts between the two is less.
  const NEAR: u64 = 4096;
  let mut words = [0; 2];
  let [top, room] = memory.read(place, &mut words).then_some(words)?;
  let is_right_above = block.checked_sub(top).is_some_and(|distance| distance < NEAR);
  let is_stack = is_right_above && (SMALLEST..=LARGEST).contains(&room.saturating_add(NEAR));
  is_stack.then_some((top.checked_sub(room)?, block.checked_add(1)?))
}
