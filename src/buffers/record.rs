//! What is kept about one buffer.

use super::label::Label;
use crate::platform;
use crate::v8::{Extent, WeakStore};

/// How a buffer came onto the books.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
  /// Its memory is the addon's, or V8's where the engine takes none from outside.
  Allocated,
  /// JavaScript asked to follow it.
  Tracked,
  /// Another addon said that it holds it.
  Declared,
}

impl Source {
  /// The name in JavaScript.
  pub(crate) fn name(self) -> &'static str {
    match self {
      Self::Allocated => "allocated",
      Self::Tracked => "tracked",
      Self::Declared => "declared",
    }
  }
}

/// What the caller says about a buffer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tag {
  /// `None`: the label that it has, or that of all that have none.
  pub(crate) label: Option<Label>,
  /// Node's number of the calling thread; `None` for a native one.
  pub(crate) thread: Option<u32>,
  pub(crate) source: Source,
}

impl Tag {
  /// A tag by the number of its label.
  pub(crate) fn new(label: Option<u32>, thread: Option<u32>, source: Source) -> Self {
    Self { label: label.map(Label::from_id), thread, source }
  }
}

/// How we know whether the memory is still there.
pub(super) enum Life {
  /// By the count of its backing store.
  Store(WeakStore),
  /// Threads told us that they hold it, one entry per buffer object, and will tell when they let go.
  Held { number: u64, address: Option<u64>, holders: Vec<u32> },
}

pub(super) struct Record {
  /// Its own for ever, where an address comes back.
  pub(super) serial: u64,
  pub(super) life: Life,
  pub(super) label: Label,
  pub(super) bytes: u64,
  /// Shared memory is on no isolate's bill.
  pub(super) is_shared: bool,
  /// By `platform::coarse_millis`.
  pub(super) created: u64,
  pub(super) thread: Option<u32>,
  pub(super) source: Source,
}

impl Record {
  pub(super) fn new(serial: u64, life: Life, bytes: u64, is_shared: bool, tag: Tag) -> Self {
    let Tag { label, thread, source } = tag;
    let created = platform::coarse_millis();
    Self { serial, life, label: label.unwrap_or_default(), bytes, is_shared, created, thread, source }
  }

  pub(super) fn is_alive(&self) -> bool {
    match &self.life {
      Life::Store(store) => store.is_alive(),
      Life::Held { .. } => true, // it leaves the books with its last holder
    }
  }

  /// A buffer that is tracked again belongs to the thread that did, and has the label that was given last.
  pub(super) fn update(&mut self, tag: Tag) {
    self.thread = tag.thread;
    self.label = tag.label.unwrap_or(self.label);
  }
}

/// A copy of a record, to work with while nobody waits for the table.
#[derive(Clone)]
pub(super) struct Copied {
  /// A backing store that may have changed or died meanwhile.
  pub(super) store: Option<WeakStore>,
  pub(super) index: usize,
  pub(super) serial: u64,
  pub(super) label: Label,
  pub(super) extent: Extent,
  pub(super) has_address: bool,
  pub(super) is_shared: bool,
  pub(super) created: u64,
  pub(super) thread: Option<u32>,
  pub(super) source: Source,
}

impl Copied {
  pub(super) fn of(index: usize, record: &Record) -> Self {
    let Record { serial, label, bytes, is_shared, created, thread, source, .. } = *record;
    let (store, address) = match &record.life {
      Life::Store(store) => (Some(store.clone()), None),
      Life::Held { address, .. } => (None, *address),
    };
    let extent = Extent { address: address.unwrap_or(0), length: bytes };
    let has_address = store.is_some() || address.is_some();
    Self { store, index, serial, label, extent, has_address, is_shared, created, thread, source }
  }

  /// Looks where the memory is now. False when it is gone.
  pub(super) fn refresh(&mut self) -> bool {
    let Some(store) = &self.store else { return true };
    let Some(extent) = store.extent() else { return false };
    self.extent = extent;
    true
  }

  /// Whether the memory came from `OwnedMemory`: what an engine allocated for us is only held.
  pub(super) fn is_ours(&self) -> bool {
    self.source == Source::Allocated && self.store.is_some()
  }

  /// Whether the memory is still there, after it was looked at.
  pub(super) fn is_alive(&self) -> bool {
    self.store.as_ref().is_none_or(WeakStore::is_alive)
  }
}
