//! The limit of the control groups that a process is in.
//!
//! Any group from that of the process up to the root may have a limit. The one that binds is the one with the least
//! left, for what is charged to a group is charged to all above it, and these have other members besides.

use super::Files;
use super::bound::Bound;
use super::level::{Level, UNLIMITED_V1, Version, in_folder};
use crate::parse::cgroup::{Memberships, amount, count, memberships};
use crate::parse::mountinfo::{CgroupMount, cgroup_mounts};
use crate::parse::pressure::{self, Pressure};

/// What the groups say.
#[derive(Debug, Clone, PartialEq)]
pub struct Cgroup {
  /// 1 or 2.
  pub version: u32,
  /// The directory of the group of the process.
  pub group: String,
  /// Beyond that somebody in the group is killed.
  pub limit: Bound,
  /// Beyond that who allocates is slowed down, and memory is taken back from all.
  pub high: Bound,
  /// All that is charged to the group that binds, page cache included.
  pub usage: Option<u64>,
  /// Of that, page cache that nobody used lately.
  pub inactive_file: Option<u64>,
  /// What happened in the group that binds and below.
  pub events: Events,
  /// What happened by limits of the process's own group.
  pub local_events: Events,
  /// For how long the group that binds waited for memory.
  pub pressure: Option<Pressure>,
  /// Whether all of the group of the process die with the one that is killed.
  pub kills_group: Option<bool>,
  /// Whether there are groups above that cannot be seen, so that there may be less left.
  pub is_upper_bound: bool,
}

/// How often it happened since the group was made; `None` where that is not told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Events {
  /// Slowed down at `memory.high`.
  pub high: Option<u64>,
  /// About to exceed the limit.
  pub max: Option<u64>,
  /// Nothing could be taken back.
  pub oom: Option<u64>,
  /// Killed.
  pub oom_kill: Option<u64>,
}

/// Reads the groups of this process. `None` where they cannot be seen, or have no say in memory.
pub fn cgroup(files: &impl Files) -> Option<Cgroup> {
  let text = files.read(b"/proc/self/cgroup")?;
  let mounts = cgroup_mounts(&files.read(b"/proc/self/mountinfo")?);
  let Memberships { memory, unified } = memberships(&text);
  let version_1 = || summary(files, &folders(memory?, &mounts, Version::One)?, Version::One);
  let version_2 = || summary(files, &folders(unified?, &mounts, Version::Two)?, Version::Two);
  version_1().or_else(version_2)
}

/// Directories from the group of the process up to what is mounted.
struct Folders {
  /// The group of the process first.
  upwards: Vec<Vec<u8>>,
  /// Whether what is mounted is the root of the hierarchy, as far as can be seen.
  reach_root: bool,
}

/// `None` where the group is not below anything that is mounted.
fn folders(path: &[u8], mounts: &[CgroupMount], version: Version) -> Option<Folders> {
  let is_unified = version == Version::Two;
  let mut mounts = mounts.iter().filter(|mount| mount.is_unified == is_unified);
  let (mount, below) = mounts.find_map(|mount| Some((mount, below(path, &mount.root)?)))?;
  let point = mount.point.strip_suffix(b"/").unwrap_or(&mount.point);
  let parts: Vec<&[u8]> = below.split(|byte| *byte == b'/').filter(|part| !part.is_empty()).collect();
  if parts.contains(&b"..".as_slice()) {
    return None; // it was moved out of what its namespace shows
  }
  let upwards = (0..=parts.len()).rev().map(|depth| {
    let parts = parts.get(..depth).unwrap_or_default();
    parts.iter().fold(point.to_vec(), |folder, part| [&folder, b"/".as_slice(), part].concat())
  });
  Some(Folders { upwards: upwards.collect(), reach_root: mount.root == b"/" })
}

/// What of a path is below another.
fn below<'a>(path: &'a [u8], root: &[u8]) -> Option<&'a [u8]> {
  let rest = path.strip_prefix(root.strip_suffix(b"/").unwrap_or(root))?;
  (rest.is_empty() || rest.starts_with(b"/")).then_some(rest)
}

fn summary(files: &impl Files, folders: &Folders, version: Version) -> Option<Cgroup> {
  let levels: Vec<Level> =
    folders.upwards.iter().map(|folder| Level::read(files, folder.clone(), version)).collect();
  let levels: Vec<Level> = match version {
    Version::One => up_to_separate(files, levels),
    Version::Two => levels,
  };
  let (own, top) = (levels.first()?, levels.last()?);
  if !levels.iter().any(|level| level.may_be_limited) && !controls_memory(files, top) {
    return None;
  }
  let seen = tightest(&levels, Level::by_limit);
  let above = match version {
    Version::One => limit_above(files, own, top, seen.and_then(|level| level.limit)),
    Version::Two => None,
  };
  // Of a group that is not seen the highest that is knows most.
  let binding = if above.is_some() { top } else { seen.or_else(|| counted(&levels)).unwrap_or(own) };
  let high = tightest(&levels, Level::by_high)
    .map_or_else(|| Bound { limit: None, used: binding.working_set(), source: None }, Level::by_high);
  let up_to_binding: Vec<&Level> =
    levels.iter().take_while(|level| level.folder != binding.folder).chain([binding]).collect();
  Some(Cgroup {
    version: if version == Version::One { 1 } else { 2 },
    group: String::from_utf8_lossy(&own.folder).into_owned(),
    limit: above.clone().unwrap_or_else(|| binding.by_limit()),
    high,
    usage: binding.usage,
    inactive_file: binding.inactive_file,
    events: match version {
      Version::One => events_v1(files, binding, &up_to_binding),
      Version::Two => events(files, binding, "memory.events"),
    },
    local_events: match version {
      Version::One => events_v1(files, own, &[own]),
      Version::Two => events(files, own, "memory.events.local"),
    },
    pressure: files
      .read(&in_folder(&binding.folder, "memory.pressure"))
      .and_then(|text| pressure::parse(&text).ok()),
    kills_group: kills_group(files, &up_to_binding),
    is_upper_bound: above.is_some() || has_hidden_ancestors(files, folders, top),
  })
}

/// Version 1 can have groups whose members are not charged to the one above: what is above those does not count.
fn up_to_separate(files: &impl Files, levels: Vec<Level>) -> Vec<Level> {
  let is_charged_above = |level: &Level| {
    let text = files.read(&in_folder(&level.folder, "memory.use_hierarchy"));
    text.is_none_or(|text| text.trim_ascii_end() != b"0")
  };
  let mut counted: Vec<Level> = Vec::new();
  for level in levels {
    // Whether a group is charged to the one above is said by the one above.
    if !counted.is_empty() && !is_charged_above(&level) {
      break;
    }
    counted.push(level);
  }
  counted
}

/// The level with the least left.
fn tightest(levels: &[Level], bound: impl Fn(&Level) -> Bound) -> Option<&Level> {
  let limited = levels.iter().filter_map(|level| {
    let bound = bound(level);
    Some((level, (bound.available().unwrap_or(bound.limit?), bound.limit?)))
  });
  limited.min_by_key(|(_, left)| *left).map(|(level, _)| level)
}

/// The lowest level that says what is charged to it.
fn counted(levels: &[Level]) -> Option<&Level> {
  levels.iter().find(|level| level.usage.is_some())
}

/// Whether a hierarchy of version 2 has a say in memory though no group seen has a limit: on a host without containers.
fn controls_memory(files: &impl Files, top: &Level) -> bool {
  let controllers = files.read(&in_folder(&top.folder, "cgroup.controllers")).unwrap_or_default();
  controllers.split(u8::is_ascii_whitespace).any(|controller| controller == b"memory")
}

/// A limit of a group that cannot be seen: version 1 tells the smallest of all that are above. What is used of it is not
/// told, but that it is no less than in the highest group that is seen.
fn limit_above(files: &impl Files, own: &Level, top: &Level, seen: Option<u64>) -> Option<Bound> {
  let path = in_folder(&own.folder, "memory.stat");
  let told = count(&files.read(&path)?, "hierarchical_memory_limit").filter(|limit| *limit < UNLIMITED_V1);
  let limit = told.filter(|limit| seen.is_none_or(|seen| *limit < seen))?;
  let source = format!("{} (hierarchical_memory_limit)", String::from_utf8_lossy(&path));
  Some(Bound { limit: Some(limit), used: top.working_set(), source: Some(source) })
}

fn events(files: &impl Files, level: &Level, name: &str) -> Events {
  let text = files.read(&in_folder(&level.folder, name)).unwrap_or_default();
  let count = |name| count(&text, name);
  Events { high: count("high"), max: count("max"), oom: count("oom"), oom_kill: count("oom_kill") }
}

/// In version 1 who is killed counts in its own group alone, whichever limit it was.
fn events_v1(files: &impl Files, level: &Level, killed_in: &[&Level]) -> Events {
  const FAILURES: &str = "memory.failcnt";
  let failures = files.read(&in_folder(&level.folder, FAILURES));
  let killed =
    |level: &&Level| count(&files.read(&in_folder(&level.folder, "memory.oom_control"))?, "oom_kill");
  Events {
    max: failures.and_then(|text| amount(&text, FAILURES).ok()).flatten(),
    oom_kill: killed_in.iter().filter_map(killed).reduce(u64::saturating_add), // told since Linux 4.13
    ..Events::default()
  }
}

/// Whether one of these, from the group of the process up to the one that binds, dies as a whole.
fn kills_group(files: &impl Files, levels: &[&Level]) -> Option<bool> {
  if levels.iter().any(|level| level.version == Version::One) {
    return Some(false);
  }
  let told: Vec<bool> = levels
    .iter()
    .filter_map(|level| files.read(&in_folder(&level.folder, "memory.oom.group")))
    .map(|text| text.trim_ascii_end() == b"1")
    .collect();
  if told.is_empty() { None } else { Some(told.contains(&true)) }
}

/// Whether the highest group seen is not the root: that of version 2 has no limit, and that of version 1 a file that no
/// other has.
fn has_hidden_ancestors(files: &impl Files, folders: &Folders, top: &Level) -> bool {
  let is_mounted = folders.upwards.last() == Some(&top.folder);
  let is_root = match top.version {
    Version::One => files.read(&in_folder(&top.folder, "cgroup.sane_behavior")).is_some(),
    Version::Two => !top.may_be_limited,
  };
  is_mounted && !(folders.reach_root && is_root)
}
