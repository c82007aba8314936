//! The exported C++ functions that we call, by their Itanium names, which are the same from Node 18 to 26.

use std::ffi::{CStr, c_void};
use std::ptr::NonNull;
use std::sync::OnceLock;

use crate::platform::find_symbol;

/// What V8 calls after a garbage collection: `void (*)(v8::Isolate*, v8::GCType, v8::GCCallbackFlags, void* data)`.
pub(crate) type GcCallback = unsafe extern "C" fn(*mut c_void, i32, i32, *mut c_void);
/// What Node calls on an environment's thread, and V8 as a microtask: `void (*)(void* data)`.
pub(crate) type InterruptCallback = unsafe extern "C" fn(*mut c_void);

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
  /// `v8::Local<v8::Context> v8::Isolate::GetCurrentContext()`
  pub(super) get_current_context: unsafe extern "C" fn(NonNull<c_void>) -> *mut c_void,
  /// `void v8::Isolate::AddGCEpilogueCallback(GCCallbackWithData, void* data, GCType)`
  pub(super) add_gc_epilogue: unsafe extern "C" fn(NonNull<c_void>, GcCallback, *mut c_void, i32),
  /// `void v8::Isolate::RemoveGCEpilogueCallback(GCCallbackWithData, void* data)`
  pub(super) remove_gc_epilogue: unsafe extern "C" fn(NonNull<c_void>, GcCallback, *mut c_void),
  /// `void v8::Isolate::EnqueueMicrotask(v8::MicrotaskCallback, void* data)`
  pub(super) enqueue_microtask: unsafe extern "C" fn(NonNull<c_void>, InterruptCallback, *mut c_void),
  /// `node::Environment* node::GetCurrentEnvironment(v8::Local<v8::Context>)`
  pub(super) get_current_environment: unsafe extern "C" fn(*mut c_void) -> *mut c_void,
  /// `void node::RequestInterrupt(node::Environment*, void (*)(void*), void*)`
  pub(super) request_interrupt: unsafe extern "C" fn(NonNull<c_void>, InterruptCallback, *mut c_void),
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
    Some(Self {
      // SAFETY: each mangled name fixes the parameters, which are those of the field. The Itanium ABI passes `this`
      // as the first argument.
      try_get_current: unsafe { function(c"_ZN2v87Isolate13TryGetCurrentEv") }?,
      // SAFETY: as above.
      construct_heap_statistics: unsafe { function(c"_ZN2v814HeapStatisticsC1Ev") }?,
      // SAFETY: as above.
      get_heap_statistics: unsafe { function(c"_ZN2v87Isolate17GetHeapStatisticsEPNS_14HeapStatisticsE") }?,
      // SAFETY: as above.
      get_code_range: unsafe { function(c"_ZN2v87Isolate12GetCodeRangeEPPvPm") }?,
      // SAFETY: as above.
      get_array_buffer_allocator: unsafe { function(c"_ZN2v87Isolate23GetArrayBufferAllocatorEv") }?,
      // SAFETY: as above. A `v8::Local` is a pointer without a copy constructor of its own and comes in a register.
      get_current_context: unsafe { function(c"_ZN2v87Isolate17GetCurrentContextEv") }?,
      // SAFETY: as above.
      add_gc_epilogue: unsafe {
        function(c"_ZN2v87Isolate21AddGCEpilogueCallbackEPFvPS0_NS_6GCTypeENS_15GCCallbackFlagsEPvES4_S2_")
      }?,
      // SAFETY: as above.
      remove_gc_epilogue: unsafe {
        function(c"_ZN2v87Isolate24RemoveGCEpilogueCallbackEPFvPS0_NS_6GCTypeENS_15GCCallbackFlagsEPvES4_")
      }?,
      // SAFETY: as above.
      enqueue_microtask: unsafe { function(c"_ZN2v87Isolate16EnqueueMicrotaskEPFvPvES1_") }?,
      // SAFETY: as above.
      get_current_environment: unsafe {
        function(c"_ZN4node21GetCurrentEnvironmentEN2v85LocalINS0_7ContextEEE")
      }?,
      // SAFETY: as above.
      request_interrupt: unsafe { function(c"_ZN4node16RequestInterruptEPNS_11EnvironmentEPFvPvES2_") }?,
    })
  }
}

/// The function of this name, as a function pointer of type `F`.
///
/// # Safety
/// `F` is a function pointer with the parameters and the result of that function.
pub(super) unsafe fn function<F: Copy>(name: &CStr) -> Option<F> {
  const { assert!(size_of::<F>() == size_of::<*mut c_void>()) };
  let address = find_symbol(name).filter(|address| !address.is_null())?;
  // SAFETY: the sizes are equal, the address is not null, and the caller vouches for the type.
  Some(unsafe { std::mem::transmute_copy::<*mut c_void, F>(&address) })
}
