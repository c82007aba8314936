//! Labels, each kept once and known by a number.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What buffers without a label are listed under.
const UNLABELLED: &str = "unlabelled";

/// The number of a label. Labels name kinds of buffers, of which a program has few: they are kept for good.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Label(u32);

#[derive(Default)]
struct Labels {
  names: Vec<Arc<str>>,
  numbers: HashMap<Arc<str>, u32>,
}

static LABELS: Mutex<Option<Labels>> = Mutex::new(None);

impl Label {
  /// The label of that name.
  pub(crate) fn named(name: String) -> Self {
    let mut guard = lock();
    Self(guard.get_or_insert_with(Labels::new).number(name))
  }

  /// The label of that name, if any buffer ever had it.
  pub(super) fn known(name: &str) -> Option<Self> {
    lock().get_or_insert_with(Labels::new).numbers.get(name).copied().map(Self)
  }

  /// The label of this number, which JavaScript keeps so that no text has to cross at every call.
  pub(crate) fn from_id(id: u32) -> Self {
    Self(id)
  }

  pub(crate) fn id(self) -> u32 {
    self.0
  }

  /// Its name in a list of [`names`].
  pub(super) fn name_in(self, names: &[Arc<str>]) -> Arc<str> {
    let index = usize::try_from(self.0).unwrap_or(usize::MAX);
    names.get(index).map_or_else(|| UNLABELLED.into(), Arc::clone)
  }
}

/// All names, by number.
pub(super) fn names() -> Vec<Arc<str>> {
  lock().get_or_insert_with(Labels::new).names.clone()
}

fn lock() -> MutexGuard<'static, Option<Labels>> {
  LABELS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Labels {
  /// With the label of what has none, as number 0.
  fn new() -> Self {
    let mut labels = Self::default();
    labels.number(UNLABELLED.to_owned());
    labels
  }

  fn number(&mut self, name: String) -> u32 {
    if let Some(number) = self.numbers.get(name.as_str()) {
      return *number;
    }
    let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
    let name: Arc<str> = name.into();
    self.names.push(Arc::clone(&name));
    self.numbers.insert(name, number);
    number
  }
}
