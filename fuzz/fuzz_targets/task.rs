//! Any text as `/proc/self/task/[tid]/syscall` and as `stat`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rs_memusage::parse::task_syscall::Call;
use rs_memusage::parse::{task_stat, task_syscall};

fuzz_target!(|text: &[u8]| {
  if let Ok(Call::Waiting { number, .. }) = task_syscall::parse(text) {
    assert!(number >= -1, "a call has a number, and what is none is -1");
  }
  if let Ok(state) = task_stat::state(text) {
    assert!(state.is_ascii_alphabetic() && text.contains(&b')'));
  }
});
