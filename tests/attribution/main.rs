//! Attribution: captured processes of every supported Node, and address spaces made by hand for each rule.
#![expect(
  clippy::unwrap_used,
  clippy::panic,
  clippy::arithmetic_side_effects,
  clippy::indexing_slicing,
  reason = "helpers of tests fail by panicking too"
)]

mod address_range;
mod any_process;
#[path = "../capture/captured.rs"]
mod captured;

mod captured_processes;
mod hand_built;
mod measures;
mod rules;
mod smaps_rows;
mod thread_bills;
