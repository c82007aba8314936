//! Records side by side, without a gap: who is dropped makes room for the last.
//!
//! A pass through them goes from the end to the start. Those that it has not seen yet lie below `unseen`, and removing
//! one keeps that true, so a pass may be interrupted at any place, and others may add and remove meanwhile.

use super::record::{Life, Note};
use super::segments::Segments;
use crate::platform;

pub(super) struct Table {
  /// Apart from the notes: of most records a pass looks at nothing else.
  lives: Segments<Life>,
  notes: Segments<Note>,
  /// Records below this place were not seen by the pass that is under way.
  pub(super) unseen: usize,
}

impl Table {
  pub(super) const fn new() -> Self {
    Self { lives: Segments::new(), notes: Segments::new(), unseen: 0 }
  }

  pub(super) fn len(&self) -> usize {
    self.lives.len()
  }

  /// A new one is no business of a pass that is under way. Gives its place.
  pub(super) fn push(&mut self, life: Life, note: Note) -> usize {
    self.lives.push(life);
    self.notes.push(note);
    self.len().saturating_sub(1)
  }

  pub(super) fn life(&mut self, place: usize) -> Option<&mut Life> {
    self.lives.get_mut(place)
  }

  pub(super) fn note(&mut self, place: usize) -> Option<&mut Note> {
    self.notes.get_mut(place)
  }

  pub(super) fn record(&self, place: usize) -> Option<(&Note, &Life)> {
    Some((self.notes.get(place)?, self.lives.get(place)?))
  }

  /// Takes a record out. Gives the places in which other records are now.
  pub(super) fn remove(&mut self, place: usize) -> Option<(Life, Note, [usize; 2])> {
    let hole = if place < self.unseen {
      // The last of the unseen comes here, and the last of all, which was seen, to its place.
      self.unseen = self.unseen.saturating_sub(1);
      self.swap(place, self.unseen);
      self.unseen
    } else {
      place
    };
    let life = self.lives.swap_remove(hole)?;
    let note = self.notes.swap_remove(hole)?;
    Some((life, note, [place, hole]))
  }

  fn swap(&mut self, one: usize, other: usize) {
    if one != other {
      self.lives.swap(one, other);
      self.notes.swap(one, other);
    }
  }

  /// Starts to bring so many of the unseen ones nearer: each is a miss of the cache, and together they overlap.
  pub(super) fn prefetch(&self, count: usize) {
    for place in self.unseen.saturating_sub(count)..self.unseen {
      platform::prefetch(self.lives.get(place).map_or(0, Life::address));
    }
  }

  /// The next of the unseen ones, which is seen now, and whether it is alive.
  pub(super) fn next(&mut self) -> Option<(usize, bool)> {
    let place = self.unseen.checked_sub(1)?;
    self.unseen = place;
    Some((place, self.lives.get(place)?.is_alive()))
  }
}
