//! `limits()`: what the system says. The heap's limit is V8's, which JavaScript adds.

use napi_derive::napi;

use crate::js_number::js_number;
use crate::limits::{self, Files};
use crate::platform;

/// The files of this system.
struct System;

impl Files for System {
  fn read(&self, path: &[u8]) -> Option<Vec<u8>> {
    platform::read_kernel_file(path)
  }
}

/// One limit.
#[napi(object, object_from_js = false, use_nullable = true)]
pub(crate) struct Bound {
  /// Bytes.
  pub limit: Option<f64>,
  /// Bytes.
  pub used: Option<f64>,
  /// Bytes.
  pub available: Option<f64>,
  /// Who says so.
  pub source: Option<String>,
}

/// The control groups.
#[napi(object, object_from_js = false, use_nullable = true)]
pub(crate) struct Cgroup {
  /// Beyond that somebody is killed.
  pub bound: Bound,
  /// Beyond that who allocates is slowed down.
  pub high: Bound,
  /// 1 or 2.
  pub version: u32,
  /// The directory of the own group.
  pub group: String,
  /// Bytes, page cache included.
  pub usage: Option<f64>,
  /// Bytes of page cache that nobody used lately.
  pub inactive_file: Option<f64>,
  /// In the group that binds.
  pub events: Events,
  /// In the own group.
  pub local_events: Events,
  /// Of the group that binds.
  pub pressure: Option<Pressure>,
  /// Whether all die with one.
  pub kills_group: Option<bool>,
  /// Whether groups above cannot be seen.
  pub is_upper_bound: bool,
}

/// Counts.
#[napi(object, object_from_js = false, use_nullable = true)]
pub(crate) struct Events {
  /// Slowed down.
  pub high: Option<f64>,
  /// At the limit.
  pub max: Option<f64>,
  /// Nothing could be taken back.
  pub oom: Option<f64>,
  /// Killed.
  pub oom_kill: Option<f64>,
}

/// Both kinds.
#[napi(object, object_from_js = false, use_nullable = true)]
pub(crate) struct Pressure {
  /// At least one task waited.
  pub some: Stall,
  /// All waited.
  pub full: Stall,
}

/// Per cent, and milliseconds in all.
#[napi(object, object_from_js = false, use_nullable = true)]
pub(crate) struct Stall {
  /// Of ten seconds.
  pub percent10: f64,
  /// Of a minute.
  pub percent60: f64,
  /// Of five minutes.
  pub percent300: f64,
  /// Milliseconds.
  pub total_ms: f64,
}

/// All but the heap's.
#[napi(object, object_from_js = false, use_nullable = true)]
pub(crate) struct SystemLimits {
  /// `null` where it cannot be seen.
  pub cgroup: Option<Cgroup>,
  /// As above.
  pub rlimit: Option<Bound>,
  /// As above.
  pub host: Option<Bound>,
}

/// Reads them all.
#[napi(catch_unwind)]
pub(crate) fn system_limits() -> SystemLimits {
  SystemLimits {
    cgroup: limits::cgroup(&System).map(Cgroup::from),
    rlimit: limits::process_limit(&System).map(Bound::from),
    host: limits::host_memory(&System).map(Bound::from),
  }
}

impl From<limits::Bound> for Bound {
  fn from(bound: limits::Bound) -> Self {
    let available = bound.available();
    let limits::Bound { limit, used, source } = bound;
    Self {
      limit: limit.map(js_number),
      used: used.map(js_number),
      available: available.map(js_number),
      source,
    }
  }
}

impl From<limits::Cgroup> for Cgroup {
  fn from(cgroup: limits::Cgroup) -> Self {
    let limits::Cgroup { version, group, kills_group, is_upper_bound, .. } = cgroup;
    Self {
      bound: cgroup.limit.into(),
      high: cgroup.high.into(),
      version,
      group,
      usage: cgroup.usage.map(js_number),
      inactive_file: cgroup.inactive_file.map(js_number),
      events: cgroup.events.into(),
      local_events: cgroup.local_events.into(),
      pressure: cgroup.pressure.map(Pressure::from),
      kills_group,
      is_upper_bound,
    }
  }
}

impl From<limits::Events> for Events {
  fn from(limits::Events { high, max, oom, oom_kill }: limits::Events) -> Self {
    let [high, max, oom, oom_kill] = [high, max, oom, oom_kill].map(|count| count.map(js_number));
    Self { high, max, oom, oom_kill }
  }
}

impl From<limits::Pressure> for Pressure {
  fn from(limits::Pressure { some, full }: limits::Pressure) -> Self {
    Self { some: some.into(), full: full.into() }
  }
}

impl From<limits::Stall> for Stall {
  fn from(stall: limits::Stall) -> Self {
    let limits::Stall { percent10, percent60, percent300, total_micros } = stall;
    Self { percent10, percent60, percent300, total_ms: js_number(total_micros) / 1000.0 }
  }
}
