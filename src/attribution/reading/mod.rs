//! What a look reads of a process: its memory, through one door, and which pages of it are there.

mod address_space;
mod elf_image;
mod residency;
mod resident_memory;

pub use address_space::{AddressSpace, FileResidency, Memory};
pub use residency::ResidencySource;

pub(super) use elf_image::ends_of_zeroed_data;
pub(super) use residency::Residency;
pub(super) use resident_memory::ResidentMemory;
