//! Where the memory of a Node.js process went.
//!
//! The crate is the native half of the npm package `rs-memusage`. JavaScript validates arguments and shapes
//! results (`index.js`, `lib/`); this half reads the kernel and V8. Dependencies run one way:
//! `lib.rs -> api -> look -> threads -> buffers -> v8, malloc -> platform -> parse`, and `parse` knows nothing but bytes.

mod api;
pub mod attribution;
mod buffers;
pub mod error;
mod js_number;
pub mod limits;
mod look;
pub mod malloc;
pub mod parse;
pub mod platform;
mod threads;
mod v8;

pub use error::MeasureError;

use napi::bindgen_prelude::{Env, Object, retain_current_module_for_unload_safety};
use napi_derive::napi;

/// Runs once per load: in the main thread, in each worker, and again after a deleted `require` cache.
///
/// # Errors
/// When Node-API refuses to create the few values that an environment needs.
#[napi(module_exports)]
pub fn init(mut exports: Object, env: Env) -> napi::Result<()> {
  retain_current_module_for_unload_safety();
  platform::prepare();
  look::read_environment();
  threads::env_state::install(env, &mut exports)?;
  threads::buffer_calls::install(env, &mut exports)
}
