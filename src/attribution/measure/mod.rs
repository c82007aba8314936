//! How much of each piece is resident, and what that adds up to.

mod breakdown;
mod survey;
mod weighing;

pub use breakdown::{Breakdown, Measured};
pub use survey::{Plan, Survey, survey};
pub use weighing::{IsolateWords, OwnIsolate, V8Evidence, weigh, weigh_others};
