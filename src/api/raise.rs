//! Our errors as JavaScript errors with a code and the details as properties.

use napi::JsError;
use napi::bindgen_prelude::{Env, JsObjectValue, JsValue, Object};

use crate::error::MeasureError;
use crate::js_number::js_number;

/// The error to return to napi, which throws it or rejects a promise with it.
pub(super) fn raise(env: Env, error: MeasureError) -> napi::Error {
  match error_object(env, error) {
    Ok(object) => napi::Error::from(object.to_unknown()),
    Err(failure) => failure,
  }
}

fn error_object(env: Env, error: MeasureError) -> napi::Result<Object<'static>> {
  let named = JsError::from(napi::Error::new(error.code(), error.to_string()));
  let mut object = named.into_unknown(env).coerce_to_object()?;
  match error {
    MeasureError::Read { file, syscall, errno } => {
      object.set_named_property("file", file.as_ref())?;
      object.set_named_property("syscall", syscall)?;
      object.set_named_property("errno", errno.saturating_neg())?; // negative, as in every error of Node
    }
    MeasureError::Parse { file, field } => {
      object.set_named_property("file", file.as_ref())?;
      object.set_named_property("field", field)?;
    }
    MeasureError::OverBudget { predicted_micros, budget_micros } => {
      object.set_named_property("predictedMs", js_number(predicted_micros) / 1000.0)?;
      object.set_named_property("budgetMs", js_number(budget_micros) / 1000.0)?;
    }
    MeasureError::Unsupported { .. } => {}
  }
  Ok(object)
}
