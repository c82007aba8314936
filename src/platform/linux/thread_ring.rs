//! Where control blocks lie with musl, which tells the kernel of a thread's robust mutexes only once there is one.
//!
//! musl links the control blocks of all threads into a ring. Which words of a block are the link and the thread's number
//! is found out in our own, and a block counts only where its first word is its own address.

use std::collections::{HashMap, HashSet};

use super::own_memory::read_own_words;

/// The beginning of a control block that has all of this, in each version.
const WORDS: usize = 12;
type Block = [u64; WORDS];

/// The control blocks of these threads, by their numbers. Threads that come and go meanwhile may break the way round.
pub(super) fn control_blocks(threads: &[i32]) -> HashMap<i32, u64> {
  const TRIES: usize = 3;
  let mut found = HashMap::new();
  for _ in 0..TRIES {
    found.extend(once_round(threads).unwrap_or_default());
    if threads.iter().all(|thread| found.contains_key(thread)) {
      break;
    }
  }
  found
}

fn once_round(threads: &[i32]) -> Option<Vec<(i32, u64)>> {
  // SAFETY: pthread_self has no preconditions. With musl it is the address of the control block.
  let own = u64::try_from(unsafe { libc::pthread_self() }.addr()).ok()?;
  let first = read(own)?;
  let behind_address = || first.iter().enumerate().skip(1);
  let (link, _) = behind_address().find(|(_, word)| **word != own && read(**word).is_some())?;
  let current = super::current_thread();
  let (number, _) = behind_address().find(|(_, word)| low_half(**word) == Some(current))?;

  let wanted: HashSet<i32> = threads.iter().copied().collect();
  let mut found = vec![(current, own)];
  let mut block = first;
  // Twice as many as there were: some may have come.
  for _ in 0..threads.len().saturating_mul(2) {
    let address = *block.get(link)?;
    let Some(next) = read(address).filter(|_| address != own) else { break };
    let thread = next.get(number).copied().and_then(low_half);
    found.extend(thread.filter(|thread| wanted.contains(thread)).map(|thread| (thread, address)));
    block = next;
  }
  Some(found)
}

/// What a control block begins with; `None` for anything else.
fn read(address: u64) -> Option<Block> {
  let mut words = [0; WORDS];
  let is_block = address != 0
    && address.is_multiple_of(8)
    && read_own_words(usize::try_from(address).ok()?, &mut words)
    && words.first() == Some(&address);
  is_block.then_some(words)
}

fn low_half(word: u64) -> Option<i32> {
  i32::try_from(word & u64::from(u32::MAX)).ok()
}
