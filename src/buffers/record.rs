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
  /// Threads told us that they hold it, and will tell when they let go.
  Held(Box<Held>),
}

pub(super) struct Held {
  pub(super) number: u64,
  /// Buffer objects of all threads.
  pub(super) holders: u32,
}

impl Life {
  pub(super) fn is_alive(&self) -> bool {
    match self {
      Self::Store(store) => store.is_alive(),
      Self::Held(_) => true, // it leaves the books with its last holder
    }
  }

  /// By what a store is found again.
  pub(super) fn identity(&self) -> Option<usize> {
    match self {
      Self::Store(store) => Some(store.identity()),
      Self::Held(_) => None,
    }
  }
}

/// What is noted about a buffer: all but its life, which is looked at far more often.
#[derive(Clone, Copy)]
pub(super) struct Note {
  /// A number that no other entry has or had.
  pub(super) serial: u64,
  /// `None` for what was declared by its size alone. Of memory that may move, where it was last.
  pub(super) address: Option<u64>,
  pub(super) bytes: u64,
  /// By `platform::coarse_millis`.
  pub(super) created: u64,
  pub(super) thread: Option<u32>,
  pub(super) label: Label,
  pub(super) source: Source,
  /// Shared memory is on no isolate's bill.
  pub(super) is_shared: bool,
  /// Whether it stays where it is, as long as it is.
  pub(super) is_fixed: bool,
}

impl Note {
  pub(super) fn new(extent: Extent, is_shared: bool, is_fixed: bool, tag: Tag) -> Self {
    let Extent { address, length } = extent;
    let Tag { label, thread, source } = tag;
    let (label, created) = (label.unwrap_or_default(), platform::coarse_millis());
    Self {
      serial: 0,
      address: Some(address),
      bytes: length,
      created,
      thread,
      label,
      source,
      is_shared,
      is_fixed,
    }
  }

  /// Buffers of this size and more are looked at one by one; of smaller ones a look needs but the sums per page.
  pub(super) fn is_small(&self) -> bool {
    const LARGE: u64 = 256 * 1024;
    self.is_fixed && self.address.is_some() && self.bytes < LARGE
  }

  /// On whose bill it is.
  pub(super) fn payer(&self) -> Option<u32> {
    self.thread.filter(|_| !self.is_shared)
  }
}
