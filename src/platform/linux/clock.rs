//! A clock that costs nothing.

/// Milliseconds since the system started. It moves every few milliseconds, and reading it costs a tenth of the exact
/// clock.
pub fn coarse_millis() -> u64 {
  let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
  // SAFETY: the clock exists since Linux 2.6.32 and the struct is a live local.
  unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC_COARSE, &raw mut now) };
  let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
  let nanos = u64::try_from(now.tv_nsec).unwrap_or(0);
  seconds.saturating_mul(1000).saturating_add(nanos.checked_div(1_000_000).unwrap_or(0))
}
