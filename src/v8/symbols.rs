//! The exported C++ functions that we call, by their Itanium names, which are the same from Node 18 to 26.

use std::ffi::{CStr, c_void};
use std::ptr::NonNull;
use std::sync::OnceLock;

use crate::platform::find_symbol;

/// All functions, or we use none: other runtimes export a part of the set, some of it as stubs that abort.
pub(super) struct Symbols {
  /// `v8::Isolate* v8::Isolate::TryGetCurrent()`
  pub(super) try_get_current: unsafe extern "C" fn() -> *mut c_void,
  /// `v8::HeapStatistics::HeapStatistics()`
  pub(super) construct_heap_statistics: unsafe extern "C" fn(*mut u64),
  /// `void v8::Isolate::GetHeapStatistics(v8::HeapStatistics*)`
  pub(super) get_heap_statistics: unsafe extern "C" fn(NonNull<c_void>, *mut u64),
  /// `void v8::Isolate::GetCodeRange(void** start, size_t* length)`
  pub(super) get_code_range: unsafe extern "C" fn(NonNull<c_void>, *mut usize, *mut usize),
  /// `v8::ArrayBuffer::Allocator* v8::Isolate::GetArrayBufferAllocator()`
  pub(super) get_array_buffer_allocator: unsafe extern "C" fn(NonNull<c_void>) -> *mut c_void,
}

impl Symbols {
  /// The functions of this process, looked up once.
  pub(super) fn get() -> Option<&'static Self> {
    static SYMBOLS: OnceLock<Option<Symbols>> = OnceLock::new();
    SYMBOLS.get_or_init(Self::resolve).as_ref()
  }

  fn resolve() -> Option<Self> {
    if cfg!(not(target_pointer_width = "64")) {
      return None; // HeapStatistics is made of size_t, which we read as 64-bit words
    }
    let try_get_current = find(c"_ZN2v87Isolate13TryGetCurrentEv")?;
    let construct_heap_statistics = find(c"_ZN2v814HeapStatisticsC1Ev")?;
    let get_heap_statistics = find(c"_ZN2v87Isolate17GetHeapStatisticsEPNS_14HeapStatisticsE")?;
    let get_code_range = find(c"_ZN2v87Isolate12GetCodeRangeEPPvPm")?;
    let get_array_buffer_allocator = find(c"_ZN2v87Isolate23GetArrayBufferAllocatorEv")?;
    Some(Self {
      // SAFETY: the mangled name fixes the parameters; the Itanium ABI passes `this` as the first argument.
      try_get_current: unsafe {
        std::mem::transmute::<NonNull<c_void>, unsafe extern "C" fn() -> *mut c_void>(try_get_current)
      },
      // SAFETY: as above.
      construct_heap_statistics: unsafe {
        std::mem::transmute::<NonNull<c_void>, unsafe extern "C" fn(*mut u64)>(construct_heap_statistics)
      },
      // SAFETY: as above.
      get_heap_statistics: unsafe {
        std::mem::transmute::<NonNull<c_void>, unsafe extern "C" fn(NonNull<c_void>, *mut u64)>(
          get_heap_statistics,
        )
      },
      // SAFETY: as above; a pointer is passed where the address of a pointer is wanted.
      get_code_range: unsafe {
        std::mem::transmute::<NonNull<c_void>, unsafe extern "C" fn(NonNull<c_void>, *mut usize, *mut usize)>(
          get_code_range,
        )
      },
      // SAFETY: as above; a pointer result comes back in the return register.
      get_array_buffer_allocator: unsafe {
        std::mem::transmute::<NonNull<c_void>, unsafe extern "C" fn(NonNull<c_void>) -> *mut c_void>(
          get_array_buffer_allocator,
        )
      },
    })
  }
}

fn find(name: &CStr) -> Option<NonNull<c_void>> {
  find_symbol(name).and_then(NonNull::new)
}
