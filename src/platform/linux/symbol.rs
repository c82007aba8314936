//! Functions that the host program and its libraries export.

use std::ffi::{CStr, c_void};
use std::mem::MaybeUninit;
use std::ptr::null;

/// The address of an exported symbol, wherever it lives: in the node binary or in a distribution's `libnode.so`.
pub fn find_symbol(name: &CStr) -> Option<*mut c_void> {
  // SAFETY: the name is a C string; dlsym with RTLD_DEFAULT only looks up.
  let address = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
  (!address.is_null()).then_some(address)
}

/// The base address of the executable or library that defines what a lookup of `name` finds first. It tells
/// whether two functions come from the same place.
///
/// `None` also when the answer is only the executable's jump to a function that is defined elsewhere: one that is
/// not position independent, as most node binaries, claims every function whose address it takes.
pub fn defining_object(name: &CStr) -> Option<usize> {
  let address = find_symbol(name)?;
  let mut found = MaybeUninit::<libc::Dl_info>::uninit();
  let mut symbol = null();
  if !look_up(address, &mut found, &mut symbol) {
    return None;
  }
  // SAFETY: the lookup succeeded, so the struct is initialised; the table of symbols is mapped with its object.
  let found = unsafe { found.assume_init() };
  // SAFETY: the pointer is null or that of a symbol in the table of a loaded object.
  let is_jump = unsafe { symbol.as_ref() }.is_some_and(|symbol| symbol.st_shndx == UNDEFINED);
  (!is_jump).then(|| found.dli_fbase.addr())
}

#[cfg(target_pointer_width = "64")]
type Symbol = libc::Elf64_Sym;
#[cfg(target_pointer_width = "32")]
type Symbol = libc::Elf32_Sym;

/// `SHN_UNDEF`: the object has an entry for the symbol and does not define it.
const UNDEFINED: u16 = 0;

/// What lies at `address`, and the entry in the table of symbols that says so.
#[cfg(target_env = "gnu")]
fn look_up(address: *mut c_void, found: &mut MaybeUninit<libc::Dl_info>, symbol: &mut *const Symbol) -> bool {
  const RTLD_DL_SYMENT: i32 = 1;
  let symbol = std::ptr::from_mut(symbol).cast();
  // SAFETY: both out-parameters are live; with this flag the second receives a pointer to a symbol or null.
  unsafe { libc::dladdr1(address, found.as_mut_ptr(), symbol, RTLD_DL_SYMENT) != 0 }
}

/// Elsewhere the loader does not tell the entry, and the object is taken as it is.
#[cfg(not(target_env = "gnu"))]
fn look_up(
  address: *mut c_void,
  found: &mut MaybeUninit<libc::Dl_info>,
  _symbol: &mut *const Symbol,
) -> bool {
  // SAFETY: the out-parameter is live.
  unsafe { libc::dladdr(address, found.as_mut_ptr()) != 0 }
}
