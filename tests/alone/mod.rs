//! Runs a test in a process of its own.

use std::process::Command;

/// Runs the body of the test of that name in a process that nobody else uses: what one test leaves behind in the
/// arenas would serve the allocations of the next. It has one thread besides those that the body starts, and the
/// libraries named in `preload`, if any.
pub(crate) fn alone(test: &str, preload: &str, body: impl FnOnce()) {
  const CHILD: &str = "RS_MEMUSAGE_TEST_CHILD";
  if std::env::var_os(CHILD).is_some() {
    return body();
  }
  let arguments = ["--include-ignored", "--exact", test, "--test-threads=1", "--nocapture"];
  let mut child = Command::new(std::env::current_exe().unwrap());
  child.args(arguments).env(CHILD, "1").env("LD_PRELOAD", preload);
  child.env("MALLOC_CONF", "dirty_decay_ms:-1"); // jemalloc gives free memory back when told to, not after a while
  let output = child.output().unwrap();
  let readable = |bytes| String::from_utf8_lossy(bytes).into_owned();
  assert!(output.status.success(), "{}{}", readable(&output.stdout), readable(&output.stderr));
  assert!(readable(&output.stdout).contains("1 passed"), "no test is called {test}");
}
