//! Answers about all buffers: what they hold, and how much of that is resident.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use super::books::{self, Amount};
use super::label::{self, Label};
use super::record::{Copied, Source};
use super::threads::{self, Running};
use crate::platform;
use crate::v8::Extent;

/// One buffer.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
  /// Its own for ever.
  pub(crate) serial: u64,
  /// Where it lies; `None` for what was declared by its size alone.
  pub(crate) address: Option<u64>,
  /// Bytes asked for.
  pub(crate) bytes: u64,
  /// Bytes of that in memory; `None` where that is not known.
  pub(crate) resident: Option<u64>,
  pub(crate) name: Arc<str>,
  pub(crate) age_ms: u64,
  /// Node's number of the thread that it belongs to, while that lives.
  pub(crate) thread: Option<u32>,
  /// The kernel's number of that thread; `None` for memory that several may share.
  pub(crate) tid: Option<i32>,
  pub(crate) source: Source,
  /// Whether it is a mapping of its own, made by us: no allocator's header explains it.
  pub(crate) is_mapped: bool,
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
  let (now, running) = (platform::coarse_millis(), threads::running());
  let mut residency = Residency::default();
  let mut all = Group::default();
  let mut labels: HashMap<Label, Group> = HashMap::new();
  let mut threads: HashMap<Option<u32>, Group> = HashMap::new();
  let allocated = books::visit(|copy| {
    let resident = residency.of(copy);
    if !copy.is_alive() {
      return;
    }
    let (bytes, age_ms) = (copy.extent.length, now.saturating_sub(copy.created));
    all.add(bytes, resident, age_ms);
    labels.entry(copy.label).or_default().add(bytes, resident, age_ms);
    threads
      .entry(alive(copy.thread, &running).map(|running| running.thread))
      .or_default()
      .add(bytes, resident, age_ms);
  });
  let names = label::names();
  let labels = largest_first(labels).into_iter().map(|(label, group)| (label.name_in(&names), group));
  Usage {
    all,
    peak_bytes: books::peak(all.live.bytes),
    allocated,
    freed: allocated.less(all.live),
    labels: labels.collect(),
    threads: largest_first(threads),
  }
}

/// Buffers, largest first. Only those that are wanted are measured.
pub(crate) fn list(selection: &Selection) -> Vec<Entry> {
  let (now, running, names) = (platform::coarse_millis(), threads::running(), label::names());
  let mut found = Vec::new();
  books::visit(|copy| {
    let age_ms = now.saturating_sub(copy.created);
    let is_named = selection.label.as_ref().is_none_or(|label| **label == *copy.label.name_in(&names));
    let is_old = selection.older_than_ms.is_none_or(|limit| age_ms > limit);
    if is_named && is_old {
      found.push((copy.clone(), age_ms));
    }
  });
  found.sort_by_key(|(copy, _)| std::cmp::Reverse(copy.extent.length));
  found.truncate(selection.top.unwrap_or(usize::MAX));
  let mut residency = Residency::default();
  let mut entries = Vec::new();
  for (copy, age_ms) in found {
    let resident = residency.of(&copy);
    if copy.is_alive() {
      entries.push(entry(&copy, resident, age_ms, &names, &running));
    }
  }
  entries
}

/// Everything that is alive, unmeasured, in address order: for the attribution of pages to threads.
pub(crate) fn live(entries: &mut Vec<Entry>) {
  let (now, running, names) = (platform::coarse_millis(), threads::running(), label::names());
  entries.clear();
  books::visit(|copy| {
    entries.push(entry(copy, None, now.saturating_sub(copy.created), &names, &running));
  });
  entries.sort_unstable_by_key(|entry| entry.address);
}

/// Bytes that other addons declared.
pub(crate) fn declared_bytes() -> u64 {
  let mut bytes = 0_u64;
  books::visit(|copy| {
    if copy.source == Source::Declared {
      bytes = bytes.saturating_add(copy.extent.length);
    }
  });
  bytes
}

/// Bytes on the books that are in V8's count of that thread too.
pub(crate) fn bytes_known_to_v8(thread: u32) -> u64 {
  let mut bytes = 0_u64;
  books::visit(|copy| {
    if copy.thread == Some(thread) && !copy.is_shared && copy.source != Source::Declared {
      bytes = bytes.saturating_add(copy.extent.length);
    }
  });
  bytes
}

fn entry(
  copy: &Copied,
  resident: Option<u64>,
  age_ms: u64,
  names: &[Arc<str>],
  running: &[Running],
) -> Entry {
  let owner = alive(copy.thread, running);
  Entry {
    serial: copy.serial,
    address: copy.has_address.then_some(copy.extent.address),
    bytes: copy.extent.length,
    resident,
    name: copy.label.name_in(names),
    age_ms,
    thread: owner.map(|owner| owner.thread),
    tid: owner.filter(|_| !copy.is_shared).map(|owner| owner.tid),
    source: copy.source,
    is_mapped: copy.is_ours() && platform::is_mapping(copy.extent.length),
  }
}

/// A thread that has ended owns nothing: the buffer was handed on to one that is not known.
fn alive(thread: Option<u32>, running: &[Running]) -> Option<Running> {
  running.iter().find(|running| Some(running.thread) == thread).copied()
}

fn largest_first<K: Eq + Hash>(groups: HashMap<K, Group>) -> Vec<(K, Group)> {
  let mut groups: Vec<_> = groups.into_iter().collect();
  groups.sort_by_key(|(_, group)| std::cmp::Reverse(group.live.bytes));
  groups
}

/// Measures one buffer after the other, with one piece of memory for the answers of the kernel.
#[derive(Default)]
struct Residency {
  pages: Vec<u8>,
}

impl Residency {
  /// Resident bytes: of a page that it shares with others, its own part.
  fn of(&mut self, copy: &Copied) -> Option<u64> {
    if !copy.has_address || !platform::page_residency_works() {
      return None;
    }
    let Extent { address, length } = copy.extent;
    if length == 0 {
      return Some(0);
    }
    let (page, end) = (platform::page_size(), address.saturating_add(length));
    let first = address.saturating_sub(address.checked_rem(page).unwrap_or(0));
    let behind = end.checked_next_multiple_of(page).unwrap_or(end);
    self.pages.clear();
    platform::resident_pages(first, behind, &mut self.pages);
    let is_resident = |byte: &u8| byte & 1 == 1;
    let count = self.pages.iter().filter(|byte| is_resident(byte)).count();
    let mut resident = u64::try_from(count).unwrap_or(0).saturating_mul(page);
    if self.pages.first().is_some_and(is_resident) {
      resident = resident.saturating_sub(address.saturating_sub(first));
    }
    if self.pages.last().is_some_and(is_resident) {
      resident = resident.saturating_sub(behind.saturating_sub(end));
    }
    Some(resident)
  }
}
