//! Pages for buffers, many buffers to a mapping.
//!
//! A process may have 65,530 mappings. So buffers of up to a megabyte are slots of slabs; a slot that is free has no
//! pages, and a slab without buffers goes. What is larger is a slab with one slot. Where the kernel refuses to take a
//! mapping away, its pages go back all the same and the addresses wait for the next buffer of that size.

use std::collections::{BTreeMap, BTreeSet};
use std::ptr::NonNull;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::platform;

/// What has a mapping of its own is larger than this.
const LARGEST_SLOT: usize = 1024 * 1024;

/// Slots of the first slab of a size. The second has twice as many: what is mapped and never used stays in proportion.
const FIRST_SLOTS: u32 = 4;
/// A slab has no more slots than a word has bits.
const MOST_DOUBLINGS: u32 = 4;

struct Slab {
  /// Bytes per slot.
  slot: usize,
  slots: u32,
  /// A bit for each slot: a buffer has it.
  taken: u64,
  /// A bit for each free slot whose pages the kernel would not take back: they hold what the buffer held.
  stale: u64,
}

struct Slabs {
  by_address: BTreeMap<usize, Slab>,
  /// Those with a free slot, by (bytes per slot, address).
  with_room: BTreeSet<(usize, usize)>,
  /// How many there are of each size.
  count: BTreeMap<usize, u32>,
  /// All memory is locked, as after `mlockall`: the pages of a slab would be there from the start.
  is_locked: bool,
}

static SLABS: Mutex<Slabs> = Mutex::new(Slabs {
  by_address: BTreeMap::new(),
  with_room: BTreeSet::new(),
  count: BTreeMap::new(),
  is_locked: false,
});

fn slabs() -> MutexGuard<'static, Slabs> {
  SLABS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whole pages of zeros; `None` when there is no memory left.
pub(super) fn allocate(length: usize) -> Option<NonNull<u8>> {
  let slot = slot_for(length)?;
  let (start, is_stale) = slabs().take(slot)?;
  let start = NonNull::new(std::ptr::with_exposed_provenance_mut::<u8>(start))?;
  if is_stale {
    // SAFETY: the slot has at least so many bytes, and nobody else has it.
    unsafe { start.write_bytes(0, length) };
  }
  Some(start)
}

/// Gives back what [`allocate`] gave: when this returns, the pages are the kernel's.
///
/// # Safety
/// `start` came from `allocate` and nobody uses the memory any more.
pub(super) unsafe fn free(start: NonNull<u8>) {
  let address = start.addr().get();
  let Some((first, slot, is_alone)) = slabs().slab_of(address) else { return };
  // Before others may take the slot. What is alone in its mapping goes with it.
  // SAFETY: the slot is that of the buffer, which nobody uses.
  let is_back = is_alone || unsafe { platform::give_back(address, slot) };
  let Some(empty) = slabs().put_back(first, address, is_back) else { return };
  // SAFETY: no buffer is in it, and it is on no list: nobody will be given any of it.
  if !unsafe { platform::unmap(first, empty.length()) } {
    // SAFETY: as above.
    let is_back = unsafe { platform::give_back(first, empty.length()) };
    slabs().keep(first, empty, is_back);
  }
}

/// All that is mapped for buffers, in address order: first address, and the one behind.
pub(super) fn mappings() -> Vec<(u64, u64)> {
  let slabs = slabs();
  slabs.by_address.iter().map(|(start, slab)| range(*start, slab.length())).collect()
}

/// What is in no buffer and has pages all the same: the kernel would not take them back.
pub(super) fn stale_ranges() -> Vec<(u64, u64)> {
  let slabs = slabs();
  let stale = slabs.by_address.iter().flat_map(|(start, slab)| {
    (0..slab.slots)
      .filter(|index| has(slab.stale, *index))
      .map(|index| (slab.place(*start, index), slab.slot))
  });
  stale.map(|(start, length)| range(start, length)).collect()
}

/// Asks the kernel again to take back what it would not.
pub(crate) fn give_back_stale() {
  let mut slabs = slabs();
  for (start, slab) in slabs.by_address.iter_mut().filter(|(_, slab)| slab.stale != 0) {
    for index in 0..slab.slots {
      // SAFETY: a stale slot is free, and nobody is given one while the lock is held.
      if has(slab.stale, index) && unsafe { platform::give_back(slab.place(*start, index), slab.slot) } {
        slab.stale &= !bit(index);
      }
    }
  }
}

fn range(start: usize, length: usize) -> (u64, u64) {
  let to_u64 = |word: usize| u64::try_from(word).unwrap_or(u64::MAX);
  (to_u64(start), to_u64(start.saturating_add(length)))
}

/// Sizes of slots are a quarter of a power of two apart: whatever was freed is of use to others. The surplus is never
/// touched.
fn slot_for(length: usize) -> Option<usize> {
  let page = usize::try_from(platform::page_size()).ok()?;
  let step = if length > LARGEST_SLOT {
    page
  } else {
    let power = 1_usize.checked_shl(length.checked_ilog2()?)?;
    page.max(power.wrapping_shr(2))
  };
  length.checked_next_multiple_of(step)
}

fn has(slots: u64, index: u32) -> bool {
  slots & bit(index) != 0
}

fn bit(index: u32) -> u64 {
  1_u64.checked_shl(index).unwrap_or(0)
}

impl Slab {
  fn length(&self) -> usize {
    self.slot.saturating_mul(usize::try_from(self.slots).unwrap_or(0))
  }

  fn place(&self, start: usize, index: u32) -> usize {
    start.saturating_add(self.slot.saturating_mul(usize::try_from(index).unwrap_or(0)))
  }

  fn is_full(&self) -> bool {
    self.taken.count_ones() >= self.slots
  }
}

impl Slabs {
  /// A free slot of that size, and whether it holds what another buffer held.
  fn take(&mut self, slot: usize) -> Option<(usize, bool)> {
    // What waits because it could not be unmapped may be a little larger.
    let longest = if slot > LARGEST_SLOT { slot.saturating_add(slot.wrapping_shr(2)) } else { slot };
    let known = self.with_room.range((slot, 0)..=(longest, usize::MAX)).next().copied();
    let (slot, start) = match known {
      Some(known) => known,
      None => (slot, self.grow(slot)?),
    };
    let slab = self.by_address.get_mut(&start)?;
    let index = slab.taken.trailing_ones();
    let is_stale = has(slab.stale, index);
    slab.taken |= bit(index);
    slab.stale &= !bit(index);
    if slab.is_full() {
      self.with_room.remove(&(slot, start));
    }
    let slab = self.by_address.get(&start)?;
    Some((slab.place(start, index), is_stale))
  }

  /// A slab more: where the kernel has no room for a large one, a smaller one.
  fn grow(&mut self, slot: usize) -> Option<usize> {
    let known = self.count.get(&slot).copied().unwrap_or(0);
    let wanted = FIRST_SLOTS.wrapping_shl(known.min(MOST_DOUBLINGS));
    let mut slots = if slot > LARGEST_SLOT || self.is_locked { 1 } else { wanted };
    while slots > 0 {
      let slab = Slab { slot, slots, taken: 0, stale: 0 };
      if let Some(start) = self.map(&slab) {
        self.insert(start, slab);
        return Some(start);
      }
      slots = if self.is_locked { slots.min(2) } else { slots }.wrapping_shr(1);
    }
    None
  }

  fn map(&mut self, slab: &Slab) -> Option<usize> {
    let length = slab.length();
    let start = platform::map(length)?;
    if slab.slots > 1 {
      platform::without_huge_pages(start, length);
      // SAFETY: it was just mapped, and nobody knows of it.
      self.is_locked = unsafe { platform::is_locked(start, length) };
    }
    if slab.slots > 1 && self.is_locked {
      // SAFETY: as above.
      unsafe { platform::unmap(start, length) };
      return None;
    }
    Some(start)
  }

  fn insert(&mut self, start: usize, slab: Slab) {
    let count = self.count.entry(slab.slot).or_default();
    *count = count.saturating_add(1);
    self.with_room.insert((slab.slot, start));
    self.by_address.insert(start, slab);
  }

  /// The slab with that address: where it begins, its bytes per slot, and whether it has but one.
  fn slab_of(&self, address: usize) -> Option<(usize, usize, bool)> {
    let (start, slab) = self.by_address.range(..=address).next_back()?;
    Some((*start, slab.slot, slab.slots == 1))
  }

  /// Frees a slot. Gives the slab, off all lists, when it is to go: one that is empty stays while no other of its size
  /// has room, so that a program that makes and drops one buffer does not map each time.
  fn put_back(&mut self, start: usize, address: usize, is_back: bool) -> Option<Slab> {
    let slab = self.by_address.get_mut(&start)?;
    let index = address.checked_sub(start)?.checked_div(slab.slot)?;
    let mask = bit(u32::try_from(index).ok()?);
    slab.taken &= !mask;
    if !is_back {
      slab.stale |= mask;
    }
    let (slot, is_empty, is_alone) = (slab.slot, slab.taken == 0, slab.slots == 1);
    self.with_room.insert((slot, start));
    let mut alike = self.with_room.range((slot, 0)..=(slot, usize::MAX));
    let goes = is_empty && (is_alone || alike.any(|(_, other)| *other != start));
    if goes { self.remove(start) } else { None }
  }

  fn remove(&mut self, start: usize) -> Option<Slab> {
    let slab = self.by_address.remove(&start)?;
    self.with_room.remove(&(slab.slot, start));
    if let Some(count) = self.count.get_mut(&slab.slot) {
      *count = count.saturating_sub(1);
      if *count == 0 {
        self.count.remove(&slab.slot);
      }
    }
    Some(slab)
  }

  /// A slab without buffers that could not be unmapped.
  fn keep(&mut self, start: usize, mut slab: Slab, is_back: bool) {
    slab.stale = if is_back { 0 } else { u64::MAX };
    self.insert(start, slab);
  }
}
