//! `/proc/[pid]/task/[tid]/stat`: the state of a thread.

use super::ParseError;

/// The letter of the state: `R` for a thread that runs, `S` for one that sleeps, and so on.
///
/// # Errors
/// `state`, when there is none behind the name. The name may hold anything, brackets and blanks included.
pub fn state(text: &[u8]) -> Result<u8, ParseError> {
  let behind_name =
    text.iter().rposition(|byte| *byte == b')').and_then(|at| text.get(at.saturating_add(1)..));
  match behind_name {
    Some(&[b' ', state, b' ', ..]) if state.is_ascii_alphabetic() => Ok(state),
    _ => Err(ParseError { field: "state" }),
  }
}
