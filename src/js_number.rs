//! Byte counts as JavaScript numbers.

/// JavaScript has one number type; byte counts stay far below 2^53, where it is exact.
#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "see above")]
pub(crate) fn js_number(bytes: u64) -> f64 {
  bytes as f64
}
