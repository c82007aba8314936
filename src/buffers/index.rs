//! A hash table in many small ones: when one of those grows, it is a thousandth of all that has to move.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher};

const SHARDS: usize = 1024;

/// With fewer entries than that a shard is not worth shrinking.
const FEW: usize = 16;

type Shard<K, V> = HashMap<K, V, BuildHasherDefault<Mix>>;

pub(super) struct Index<K, V> {
  /// None before the first entry.
  shards: Vec<Shard<K, V>>,
}

impl<K: Hash + Eq, V> Index<K, V> {
  pub(super) const fn new() -> Self {
    Self { shards: Vec::new() }
  }

  pub(super) fn get(&self, key: &K) -> Option<&V> {
    self.shards.get(shard_of(key))?.get(key)
  }

  pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
    self.shards.get_mut(shard_of(key))?.get_mut(key)
  }

  pub(super) fn insert(&mut self, key: K, value: V) {
    if self.shards.is_empty() {
      self.shards.resize_with(SHARDS, Shard::default);
    }
    if let Some(shard) = self.shards.get_mut(shard_of(&key)) {
      shard.insert(key, value);
    }
  }

  pub(super) fn remove(&mut self, key: &K) -> Option<V> {
    let shard = self.shards.get_mut(shard_of(key))?;
    let value = shard.remove(key);
    if shard.capacity() > FEW && shard.len() < shard.capacity().div_euclid(4) {
      shard.shrink_to(shard.len().saturating_mul(2));
    }
    value
  }

  pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
    self.shards.iter().flatten()
  }
}

/// By bits that the tables themselves do not use.
fn shard_of<K: Hash>(key: &K) -> usize {
  let hash = BuildHasherDefault::<Mix>::default().hash_one(key).wrapping_shr(40);
  usize::try_from(hash).unwrap_or(0).rem_euclid(SHARDS)
}

/// Addresses and numbers are as good as random once their bits are mixed: one multiplication each.
#[derive(Default)]
pub(super) struct Mix(u64);

impl Hasher for Mix {
  fn finish(&self) -> u64 {
    self.0
  }

  fn write(&mut self, bytes: &[u8]) {
    for byte in bytes {
      self.write_u64(u64::from(*byte));
    }
  }

  fn write_u32(&mut self, value: u32) {
    self.write_u64(u64::from(value));
  }

  fn write_u64(&mut self, value: u64) {
    const MIX: u64 = 0x9E37_79B9_7F4A_7C15;
    let mixed = (self.0 ^ value).wrapping_mul(MIX);
    self.0 = mixed ^ mixed.wrapping_shr(32);
  }

  fn write_usize(&mut self, value: usize) {
    self.write_u64(u64::try_from(value).unwrap_or(0));
  }
}
