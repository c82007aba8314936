//! Records side by side, without a gap: who is dropped makes room for the last.
//!
//! A pass through them goes from the end to the start. Those that it has not seen yet lie below `unseen`, and removing
//! one keeps that true, so a pass may be interrupted at any place, and others may add and remove meanwhile.

use std::ops::Range;

use super::record::{Life, Note};
use super::segments::Segments;

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

  /// Goes on through the unseen ones to the next that is dead, past `most` of them at the most. A loop over records side
  /// by side that does nothing else: whether each is alive stands in memory of its own, and so the processor waits for
  /// many at once.
  pub(super) fn scan(&mut self, most: usize) -> Scan {
    let end = self.unseen;
    let lives = self.lives.below(end).iter().rev().take(most);
    let count = lives.len();
    let alive = lives.take_while(|life| life.is_alive()).count();
    self.unseen = end.saturating_sub(alive);
    let alive_places = self.unseen..end;
    if alive == count {
      return Scan { alive: alive_places, dead: None };
    }
    self.unseen = self.unseen.saturating_sub(1);
    Scan { alive: alive_places, dead: Some(self.unseen) }
  }

  /// Goes on past `most` of the unseen ones at the most, and does not ask whether they are alive.
  pub(super) fn skim(&mut self, most: usize) -> Range<usize> {
    let end = self.unseen;
    self.unseen = end.saturating_sub(self.lives.below(end).len().min(most));
    self.unseen..end
  }

  /// The records in these places, which a scan gave.
  pub(super) fn scanned(&self, places: &Range<usize>) -> (&[Note], &[Life]) {
    let (notes, lives) = (self.notes.below(places.end), self.lives.below(places.end));
    let first = notes.len().saturating_sub(places.len());
    (notes.get(first..).unwrap_or_default(), lives.get(first..).unwrap_or_default())
  }
}

/// What a scan went past.
pub(super) struct Scan {
  pub(super) alive: Range<usize>,
  /// The place of the one that it ended at.
  pub(super) dead: Option<usize>,
}

impl Scan {
  pub(super) fn len(&self) -> usize {
    self.alive.len().saturating_add(usize::from(self.dead.is_some()))
  }
}
