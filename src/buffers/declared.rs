//! The C ABI by which other addons declare memory that they hold: `include/rs_memusage.h`.
//!
//! Both functions may be called from any thread, before and after any environment, and never fail visibly: an addon
//! must not have to care. They stay callable for ever, because the module is never unloaded.

use std::ffi::{CStr, c_char};

use super::held;
use super::label::Label;
use super::record::{Source, Tag};

/// Longer labels are cut: what has no end is no label.
const LONGEST_LABEL: usize = 255;

/// Declares `bytes` under a label, which is copied and may be null. Gives the handle to retract it by.
///
/// # Safety
/// `label` is null or a C string.
#[unsafe(no_mangle)]
unsafe extern "C" fn rs_memusage_declare_v1(bytes: u64, label: *const c_char) -> u64 {
  let label = if label.is_null() {
    None
  } else {
    // SAFETY: not null, so a C string by the contract of this function.
    Some(unsafe { CStr::from_ptr(label) }.to_bytes())
  };
  let label = label.map(|label| {
    let cut = label.get(..LONGEST_LABEL).unwrap_or(label);
    Label::named(String::from_utf8_lossy(cut).into_owned())
  });
  held::follow_address(None, bytes, false, Tag { label, thread: None, source: Source::Declared })
}

/// Retracts what was declared. 0 when there is no such handle, or no longer.
#[unsafe(no_mangle)]
extern "C" fn rs_memusage_retract_v1(handle: u64) -> u8 {
  u8::from(held::holder_left(handle, None))
}
