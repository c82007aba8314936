//! Throws our errors as JavaScript errors with a code and the details as properties.

use napi::JsError;
use napi::bindgen_prelude::{Env, JsObjectValue, JsValue, Status};

use crate::error::MeasureError;

/// Throws `error` and returns the value that tells napi so.
pub(super) fn raise(env: Env, error: MeasureError) -> napi::Error {
  match throw(env, error) {
    Ok(()) => napi::Error::from_status(Status::PendingException),
    Err(failure) => failure,
  }
}

fn throw(env: Env, error: MeasureError) -> napi::Result<()> {
  let named = JsError::from(napi::Error::new(error.code(), error.to_string()));
  let mut thrown = named.into_unknown(env).coerce_to_object()?;
  match error {
    MeasureError::Read { file, syscall, errno } => {
      thrown.set_named_property("file", file.as_ref())?;
      thrown.set_named_property("syscall", syscall)?;
      thrown.set_named_property("errno", errno.saturating_neg())?; // negative, as in every error of Node
    }
    MeasureError::Parse { file, field } => {
      thrown.set_named_property("file", file.as_ref())?;
      thrown.set_named_property("field", field)?;
    }
    MeasureError::Unsupported { .. } => {}
  }
  env.throw(thrown)
}
