//! Answers about all buffers: what they hold, and how much of that is resident.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash};
use std::sync::Arc;

use super::amount::Amount;
use super::index::Mix;
use super::label::{self, Label};
use super::record::{Note, Source};
use super::residency::Residency;
use super::threads;
use super::visit::{self, Totals};
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

/// Buffers with something in common.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Group {
  pub(crate) live: Amount,
  resident: u64,
  with_known_residency: u64,
  /// Age of the oldest.
  pub(crate) oldest_ms: u64,
}

impl Group {
  fn add(&mut self, bytes: u64, resident: Option<u64>, age_ms: u64) {
    self.live.add(bytes);
    self.oldest_ms = self.oldest_ms.max(age_ms);
    if let Some(resident) = resident {
      self.resident = self.resident.saturating_add(resident);
      self.with_known_residency = self.with_known_residency.saturating_add(1);
    }
  }

  fn join(&mut self, other: Self) {
    self.live.count = self.live.count.saturating_add(other.live.count);
    self.live.bytes = self.live.bytes.saturating_add(other.live.bytes);
    self.resident = self.resident.saturating_add(other.resident);
    self.with_known_residency = self.with_known_residency.saturating_add(other.with_known_residency);
    self.oldest_ms = self.oldest_ms.max(other.oldest_ms);
  }

  /// Resident bytes of those that can be measured; `None` when none of them can.
  pub(crate) fn resident(&self) -> Option<u64> {
    (self.with_known_residency > 0 || self.live.count == 0).then_some(self.resident)
  }
}

/// What all buffers are together.
pub(crate) struct Usage {
  pub(crate) all: Group,
  pub(crate) peak_bytes: u64,
  pub(crate) allocated: Amount,
  pub(crate) freed: Amount,
  pub(crate) labels: Vec<(Arc<str>, Group)>,
  pub(crate) threads: Vec<(Option<u32>, Group)>,
}

/// Which buffers are wanted.
#[derive(Default)]
pub(crate) struct Selection {
  pub(crate) label: Option<String>,
  pub(crate) older_than_ms: Option<u64>,
  pub(crate) top: Option<usize>,
}

/// Counts everything, and measures every page of it.
pub(crate) fn usage() -> Usage {
  let now = platform::coarse_millis();
  let mut residency = Residency::default();
  let mut all = Group::default();
  let mut labels = Groups::default();
  let mut threads = Groups::default();
  let Totals { allocated, peak } = visit::visit(|note| {
    let resident = residency.of(note);
    let age_ms = now.saturating_sub(note.created);
    all.add(note.bytes, resident, age_ms);
    labels.add(note.label, note.bytes, resident, age_ms);
    threads.add(note.thread, note.bytes, resident, age_ms);
  });
  let (names, running) = (label::names(), threads::running());
  // A thread that has ended owns nothing: the buffer was handed on to one that is not known.
  let threads = threads.largest_first(|thread| thread.filter(|thread| running.contains_key(thread)));
  Usage {
    all,
    peak_bytes: peak,
    allocated,
    freed: allocated.less(all.live),
    labels: labels.largest_first(|label| label.name_in(&names)),
    threads,
  }
}

/// Buffers, largest first. Only those that are wanted are measured.
pub(crate) fn list(selection: &Selection) -> Vec<Entry> {
  /// So many more than wanted are kept until they are sorted.
  const SURPLUS: usize = 1024;
  let (now, running, names) = (platform::coarse_millis(), threads::running(), label::names());
  let wanted = selection.label.as_deref().map(Label::known);
  let top = selection.top.unwrap_or(usize::MAX);
  let mut found: Vec<Note> = Vec::new();
  let mut least = 0;
  visit::visit(|note| {
    let is_named = wanted.is_none_or(|wanted| wanted == Some(note.label));
    let is_old = selection.older_than_ms.is_none_or(|limit| now.saturating_sub(note.created) > limit);
    if is_named && is_old && note.bytes >= least {
      found.push(*note);
      if found.len() > top.saturating_add(SURPLUS) {
        least = keep_largest(&mut found, top);
      }
    }
  });
  keep_largest(&mut found, top);
  found.sort_by_key(order);
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

/// Of buffers alike in size the older one comes first.
fn order(note: &Note) -> (Reverse<u64>, u64, Option<u64>) {
  (Reverse(note.bytes), note.created, note.address)
}

/// Drops all but the largest; gives the size of the smallest that stays.
fn keep_largest(notes: &mut Vec<Note>, count: usize) -> u64 {
  if count < notes.len() {
    notes.select_nth_unstable_by_key(count, order);
    notes.truncate(count);
  }
  notes.iter().map(|note| note.bytes).min().unwrap_or(u64::MAX)
}

/// Groups by something that is mostly the same as for the buffer before.
#[derive(Default)]
struct Groups<K> {
  places: HashMap<K, usize, BuildHasherDefault<Mix>>,
  found: Vec<(K, Group)>,
  last: usize,
}

impl<K: Hash + Eq + Copy> Groups<K> {
  fn add(&mut self, key: K, bytes: u64, resident: Option<u64>, age_ms: u64) {
    if self.found.get(self.last).is_none_or(|(last, _)| *last != key) {
      let behind = self.found.len();
      self.last = *self.places.entry(key).or_insert(behind);
      if self.last == behind {
        self.found.push((key, Group::default()));
      }
    }
    if let Some((_, group)) = self.found.get_mut(self.last) {
      group.add(bytes, resident, age_ms);
    }
  }

  /// Under other names, of which several may be one.
  fn largest_first<N: Hash + Eq>(self, name: impl Fn(K) -> N) -> Vec<(N, Group)> {
    let mut named: HashMap<N, Group> = HashMap::new();
    for (key, group) in self.found {
      named.entry(name(key)).or_default().join(group);
    }
    let mut groups: Vec<_> = named.into_iter().collect();
    groups.sort_by_key(|(_, group)| Reverse(group.live.bytes));
    groups
  }
}
