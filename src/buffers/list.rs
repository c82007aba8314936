//! The list of buffers: those that are wanted, largest first.

use std::cmp::Reverse;
use std::sync::Arc;

use super::books;
use super::label::{self, Label};
use super::record::{Note, Source};
use super::residency::Residency;
use super::{threads, visit};
use crate::platform;

/// One buffer.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
  /// A number that no other entry has or had.
  pub(crate) serial: u64,
  /// Bytes asked for.
  pub(crate) bytes: u64,
  /// Bytes of that in memory; `None` where that is not known.
  pub(crate) resident: Option<u64>,
  pub(crate) name: Arc<str>,
  pub(crate) age_ms: u64,
  /// Node's number of the thread that it belongs to, while that lives.
  pub(crate) thread: Option<u32>,
  pub(crate) source: Source,
}

/// Which buffers are wanted.
#[derive(Default)]
pub(crate) struct Selection {
  pub(crate) label: Option<String>,
  pub(crate) older_than_ms: Option<u64>,
  pub(crate) top: Option<usize>,
}

/// Buffers, largest first. Only those that are wanted are measured.
pub(crate) fn list(selection: &Selection) -> Vec<Entry> {
  let (now, running, names) = (platform::coarse_millis(), threads::running(), label::names());
  let wanted = selection.label.as_deref().map(Label::known);
  let is_wanted = |note: &Note| {
    let is_named = wanted.is_none_or(|wanted| wanted == Some(note.label));
    is_named && selection.older_than_ms.is_none_or(|limit| now.saturating_sub(note.created) > limit)
  };
  let largest = selection.top.and_then(|top| largest(top, is_wanted));
  let found = largest.unwrap_or_else(|| all(selection.top.unwrap_or(usize::MAX), is_wanted));
  let mut residency = Residency::default();
  let entry = |note: &Note| Entry {
    serial: note.serial,
    bytes: note.bytes,
    resident: residency.of(note),
    name: note.label.name_in(&names),
    age_ms: now.saturating_sub(note.created),
    thread: note.thread.filter(|thread| running.contains_key(thread)),
    source: note.source,
  };
  found.iter().map(entry).collect()
}

/// So many more than wanted are kept until they are sorted.
const SURPLUS: usize = 1024;

/// The largest that are wanted, of which only those that come near are asked whether they are alive. `None` when too many
/// of them are dead.
fn largest(top: usize, is_wanted: impl Fn(&Note) -> bool) -> Option<Vec<Note>> {
  let mut near = Largest::new(top.saturating_add(SURPLUS));
  visit::skim(|note, identity| {
    if is_wanted(note) {
      near.offer((*note, identity));
    }
  });
  let is_complete = near.is_complete;
  let mut found = near.sorted();
  found.retain(|(note, identity)| {
    identity.is_none_or(|identity| books::serial_of(identity) == Some(note.serial))
  });
  found.truncate(top);
  let is_enough = is_complete || found.len() == top;
  is_enough.then(|| found.into_iter().map(|(note, _)| note).collect())
}

/// The same with the question put to all.
fn all(top: usize, is_wanted: impl Fn(&Note) -> bool) -> Vec<Note> {
  let mut largest = Largest::new(top);
  visit::visit(|note| {
    if is_wanted(note) {
      largest.offer((*note, None));
    }
  });
  largest.sorted().into_iter().map(|(note, _)| note).collect()
}

/// A note, and the identity of its store where it may be dead.
type Candidate = (Note, Option<usize>);

/// The largest of all that are offered.
struct Largest {
  count: usize,
  kept: Vec<Candidate>,
  /// The size of the smallest that counts.
  least: u64,
  /// Nothing was dropped.
  is_complete: bool,
}

impl Largest {
  fn new(count: usize) -> Self {
    Self { count, kept: Vec::new(), least: 0, is_complete: true }
  }

  fn offer(&mut self, candidate: Candidate) {
    if candidate.0.bytes < self.least {
      return;
    }
    self.kept.push(candidate);
    if self.kept.len() > self.count.saturating_add(SURPLUS) {
      self.drop_smallest();
      self.least = self.kept.iter().map(|(note, _)| note.bytes).min().unwrap_or(u64::MAX);
    }
  }

  fn drop_smallest(&mut self) {
    if self.count < self.kept.len() {
      self.kept.select_nth_unstable_by_key(self.count, |(note, _)| order(note));
      self.kept.truncate(self.count);
      self.is_complete = false;
    }
  }

  fn sorted(mut self) -> Vec<Candidate> {
    self.drop_smallest();
    self.kept.sort_unstable_by_key(|(note, _)| order(note));
    self.kept
  }
}

/// Of buffers alike in size the older one comes first.
fn order(note: &Note) -> (Reverse<u64>, u64) {
  (Reverse(note.bytes), note.serial)
}
