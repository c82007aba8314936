//! Captures a node process for `tests/attribution`: stops it, looks at it by every plan, and keeps what was read.
//!
//!     node scripts/build.mjs
//!     cargo run --example capture_process -- NODE WHAT
//!
//! NODE is a node binary, WHAT a script in `tests/capture/processes`; the result is
//! `tests/fixtures/captured/<major>-<what>.txt`. Needs Linux 6.7. To capture everything again, after attribution has
//! learned to read something else: each script with the newest of each supported major.
//!
//! Names of files are the only thing that is changed: the directories of node and of this package are those of the
//! machine, and nothing depends on them.
#![expect(
  clippy::unwrap_used,
  clippy::panic,
  clippy::arithmetic_side_effects,
  clippy::indexing_slicing,
  clippy::print_stdout,
  reason = "a tool for developers: it fails by panicking"
)]

mod captured;
mod stopped_process;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rs_memusage::attribution::{AddressSpace, Plan, ResidencySource, Search, survey};

use self::captured::CapturedProcess;
use self::stopped_process::StoppedProcess;

fn main() {
  let arguments: Vec<String> = std::env::args().skip(1).collect();
  let [node, what] = arguments.as_slice() else { panic!("usage: capture_process NODE WHAT") };
  let node = fs::canonicalize(node).unwrap();
  let version = Command::new(&node).arg("--version").output().unwrap().stdout;
  let version = String::from_utf8(version).unwrap();
  let version = version.trim().trim_start_matches('v');

  let mut child = start(&node, what);
  let facts = facts_of(&mut child);
  let pid = i32::try_from(child.id()).unwrap();
  stop(pid);
  let stopped = StoppedProcess::read(pid, format!("Node {version}, {what}"), &facts);
  let outcomes = look(&stopped, &stopped.captured);
  child.kill().unwrap();
  child.wait().unwrap();

  let mut captured = stopped.into_captured();
  rename_files(&mut captured, &node);
  let text = captured.to_text();
  let replayed = CapturedProcess::parse(&text);
  assert_eq!(look(&replayed, &replayed), outcomes, "the captured process looks like the real one");
  let major = version.split('.').next().unwrap();
  let path = package().join(format!("tests/fixtures/captured/{major}-{what}.txt"));
  fs::write(&path, &text).unwrap();
  println!("{}: {} bytes", path.display(), text.len());
}

fn package() -> &'static Path {
  Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn start(node: &Path, what: &str) -> Child {
  let script = package().join("tests/capture/processes").join(what).with_extension("js");
  let mut command = Command::new(node);
  command.arg("--expose-gc").arg(script).env_clear();
  command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

/// What the process prints of itself, up to a line with a dot.
fn facts_of(child: &mut Child) -> String {
  let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
  let mut facts: Vec<String> = Vec::new();
  for line in lines {
    if line == "." {
      return facts.join("\n");
    }
    facts.push(line);
  }
  panic!("the process ended early: {facts:?}")
}

/// Stops all threads and waits until they are.
fn stop(pid: i32) {
  // SAFETY: kill takes no pointer; the process is our child and not reaped yet.
  let failed = unsafe { libc::kill(pid, libc::SIGSTOP) } != 0;
  assert!(!failed);
  let is_stopped = |task: PathBuf| fs::read_to_string(task.join("status")).unwrap().contains("\nState:\tT");
  while !fs::read_dir(format!("/proc/{pid}/task")).unwrap().all(|task| is_stopped(task.unwrap().path())) {
    std::thread::yield_now();
  }
}

/// Looks by every plan, so that the words of each are in the capture; gives what came out.
fn look(space: &impl AddressSpace, process: &CapturedProcess) -> Vec<String> {
  let facts = process.facts(space);
  let mut outcomes = Vec::new();
  for source in [ResidencySource::Mincore, ResidencySource::Pagemap, ResidencySource::Smaps] {
    for every_piece in [false, true] {
      let survey =
        survey(space, &facts, Plan { source, whole: &[], every_piece, search: Search::Near }).unwrap();
      outcomes.push(format!("{:?}", (survey.breakdown, survey.overshoots)));
    }
  }
  outcomes
}

/// The directories of this machine become those of an installed node and an installed package.
fn rename_files(captured: &mut CapturedProcess, node: &Path) {
  let directories = [(node.parent().unwrap(), "/usr/bin"), (package(), "/usr/lib/node_modules/rs-memusage")];
  for (_, line) in &mut captured.lines {
    for (directory, installed) in directories {
      *line = line.replace(directory.to_str().unwrap(), installed);
    }
  }
}
