//! What an allocator says of itself, and what follows for resident memory.

/// Figures of one allocator at one moment. Sizes are bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statistics {
  /// Held by the program in arenas. In glibc also what waits in the caches of threads.
  pub arena_in_use: u64,
  /// Held by the program in chunks with a mapping of their own, which end when they are freed. glibc only.
  pub mapped_in_use: u64,
  /// What the arenas took from the system and keep, resident or not.
  pub arena_reserved: u64,
  /// How much of that a trim would hand back, resident or not.
  pub arena_releasable: u64,
}

impl Statistics {
  /// Held by the program.
  pub fn in_use(&self) -> u64 {
    self.arena_in_use.saturating_add(self.mapped_in_use)
  }
}

/// How many bytes a trim takes off RSS at least, when `arena_resident` bytes of the arenas are resident.
///
/// No allocator knows which of its free pages are resident: some were never touched, some went back in an earlier
/// trim. So all that cannot be handed back counts as resident first, and only what is resident beyond that is
/// promised. Memory in use that was never touched makes the promise smaller than what comes.
pub fn retained(statistics: &Statistics, arena_resident: u64) -> u64 {
  let Statistics { arena_reserved, arena_releasable, .. } = *statistics;
  let staying = arena_reserved.saturating_sub(arena_releasable);
  arena_resident.saturating_sub(staying).min(arena_releasable)
}
