//! What a look reads of a process: its memory, through one door, and which pages of it are there.

mod address_space;
mod residency;
mod resident_memory;

pub use address_space::{AddressSpace, FileResidency, Memory};
pub use residency::ResidencySource;

pub(super) use residency::Residency;
pub(super) use resident_memory::ResidentMemory;
