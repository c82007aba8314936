//! How late the kernel's counts of resident memory are, by the kernel's version.

/// What the lateness depends on, beside the version.
#[derive(Debug, Clone, Copy)]
pub struct Counters {
  /// Threads of the process.
  pub threads: u64,
  /// Processors that are on.
  pub processors: u64,
  /// Bytes per page.
  pub page_size: u64,
}

/// By how many bytes the count of anonymous memory may differ from what is there, in either direction, at most. The
/// release is what `uname -r` says; the latest are the most exact, and one that cannot be read is taken for one of these.
pub fn lag_of(release: &str, counters: Counters) -> u64 {
  /// Each thread counted for itself and told after so many page faults, one page each.
  const FAULTS_UNTOLD: u64 = 65;
  /// Each processor counts for itself and tells a batch, `percpu_counter_batch`.
  const SMALLEST_BATCH: u64 = 32;
  let Counters { threads, processors, page_size } = counters;
  let pages = match version(release) {
    Some(version) if version < (6, 2) => threads.saturating_mul(FAULTS_UNTOLD),
    Some(version) if version < (6, 16) => {
      processors.saturating_mul(processors.saturating_mul(2).max(SMALLEST_BATCH))
    }
    _ => 0, // summed up when read
  };
  pages.saturating_mul(page_size)
}

/// The first two numbers of a release like `6.1.0-37-cloud-amd64`.
fn version(release: &str) -> Option<(u32, u32)> {
  let mut numbers = release.split(|character: char| !character.is_ascii_digit());
  Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}
