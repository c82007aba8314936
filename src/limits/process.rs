//! The limits that a process was started with (`ulimit`), and the memory of the machine.

use super::Files;
use super::bound::Bound;
use crate::parse::{limits, meminfo, status};

/// The limit of the process with the least left. `None` where the kernel does not tell.
pub fn process_limit(files: &impl Files) -> Option<Bound> {
  let limits = limits::parse(&files.read(b"/proc/self/limits")?).ok()?;
  let mapped = status::mapped(&files.read(b"/proc/self/status")?).ok()?;
  let bounds =
    [(limits.address_space, mapped.address_space, "RLIMIT_AS"), (limits.data, mapped.data, "RLIMIT_DATA")];
  let limited = bounds.into_iter().filter_map(|(limit, used, name)| {
    Some(Bound { limit: Some(limit?), used: Some(used), source: Some(name.to_owned()) })
  });
  let unlimited = Bound { limit: None, used: Some(mapped.address_space), source: None };
  Some(limited.min_by_key(Bound::available).unwrap_or(unlimited))
}

/// The memory of the machine. `None` where the kernel does not tell.
pub fn host_memory(files: &impl Files) -> Option<Bound> {
  const FILE: &str = "/proc/meminfo";
  let memory = meminfo::parse(&files.read(FILE.as_bytes())?).ok()?;
  Some(Bound {
    limit: Some(memory.total),
    used: Some(memory.total.saturating_sub(memory.available)),
    source: Some(FILE.to_owned()),
  })
}
