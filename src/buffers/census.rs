//! What all buffers hold, and how much of that is resident.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash};
use std::sync::Arc;

use super::amount::Amount;
use super::index::Mix;
use super::label;
use super::residency::Residency;
use super::threads;
use super::visit::{self, Totals};
use crate::platform;

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
