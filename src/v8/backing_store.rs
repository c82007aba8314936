//! `v8::BackingStore`: the memory behind `ArrayBuffer`s, followed by a weak reference and not by finalizers.
//!
//! A store is one whatever is made of it: views, slices and the pool of `Buffer` share it, a transfer hands it on, a
//! `SharedArrayBuffer` has it in every thread. Whether it lives can be asked at any moment from any thread.

use std::ffi::c_void;
use std::ptr::NonNull;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use super::shared_pointer::{ReturnedOwner, ReturnedPointer, SharedPointer, WeakPointer};
use super::symbols::function;

/// Frees memory that a store was made of: start, length, and what was given with it.
pub(crate) type Deleter = unsafe extern "C" fn(*mut c_void, usize, *mut c_void);

type OfBuffer = unsafe extern "C" fn(NonNull<c_void>) -> ReturnedPointer;
type OfStore = unsafe extern "C" fn(*mut c_void) -> usize;
type OfValue = unsafe extern "C" fn(NonNull<c_void>) -> bool;

/// The exported functions, all or none; their names are the same from Node 20 to 26.
struct Symbols {
  is_array_buffer: OfValue,
  is_shared_array_buffer: OfValue,
  of_array_buffer: OfBuffer,
  of_shared_array_buffer: OfBuffer,
  data: OfStore,
  byte_length: OfStore,
  max_byte_length: OfStore,
  is_shared: unsafe extern "C" fn(*mut c_void) -> bool,
  is_resizable: unsafe extern "C" fn(*mut c_void) -> bool,
  /// `v8::Isolate* v8::Isolate::TryGetCurrent()`
  current_isolate: unsafe extern "C" fn() -> *mut c_void,
  /// `std::unique_ptr<BackingStore> v8::ArrayBuffer::NewBackingStore(void*, size_t, deleter, void*)`
  new_store: unsafe extern "C" fn(NonNull<c_void>, usize, Deleter, *mut c_void) -> ReturnedOwner,
  /// `Local<ArrayBuffer> v8::ArrayBuffer::New(Isolate*, std::shared_ptr<BackingStore>)`
  new_array_buffer: unsafe extern "C" fn(NonNull<c_void>, *mut SharedPointer) -> *mut c_void,
  destruct_store: unsafe extern "C" fn(NonNull<c_void>),
  operator_delete: unsafe extern "C" fn(NonNull<c_void>),
}

static VERIFIED: AtomicBool = AtomicBool::new(false);

/// The way to backing stores.
#[derive(Clone, Copy)]
pub(crate) struct BackingStores {
  symbols: &'static Symbols,
}

/// Where a store's memory lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
  /// First address.
  pub(crate) address: u64,
  /// Bytes.
  pub(crate) length: u64,
}

impl BackingStores {
  /// The way, once it is verified.
  pub(crate) fn get() -> Option<Self> {
    VERIFIED.load(Ordering::Acquire).then(Self::unverified).flatten()
  }

  /// The way, for the verification.
  pub(crate) fn unverified() -> Option<Self> {
    static SYMBOLS: OnceLock<Option<Symbols>> = OnceLock::new();
    SYMBOLS.get_or_init(Symbols::resolve).as_ref().map(|symbols| Self { symbols })
  }

  /// Known buffers were found to be what this way says they are.
  pub(crate) fn trust() {
    VERIFIED.store(true, Ordering::Release);
  }

  /// The store of an `ArrayBuffer` or `SharedArrayBuffer`; `None` for any other value.
  ///
  /// # Safety
  /// `value` is a live handle of the calling thread's isolate.
  pub(crate) unsafe fn of_value(self, value: NonNull<c_void>) -> Option<Store> {
    let Symbols { is_array_buffer, is_shared_array_buffer, .. } = self.symbols;
    // SAFETY: the handle is live, and any value may be asked what it is.
    let get = if unsafe { is_array_buffer(value) } {
      self.symbols.of_array_buffer
    // SAFETY: as above.
    } else if unsafe { is_shared_array_buffer(value) } {
      self.symbols.of_shared_array_buffer
    } else {
      return None;
    };
    // SAFETY: the value is of the type whose method this is.
    let pointer = unsafe { get(value) }.into_pointer()?;
    Some(Store { pointer, symbols: self.symbols })
  }

  /// A store that is made of this memory, which `deleter` frees when the store dies, on whatever thread that happens.
  ///
  /// # Safety
  /// The memory has that length and belongs to the store from here on. The deleter takes it from any thread.
  pub(crate) unsafe fn wrap(self, start: NonNull<u8>, length: usize, deleter: Deleter) -> Option<Store> {
    // SAFETY: by the contract of this function.
    let owner = unsafe { (self.symbols.new_store)(start.cast(), length, deleter, std::ptr::null_mut()) };
    let pointer = SharedPointer::owning(owner.object, delete_store)?;
    Some(Store { pointer, symbols: self.symbols })
  }

  /// A new `ArrayBuffer` of the calling thread over this store. V8 counts its bytes as external memory by itself.
  ///
  /// # Safety
  /// A handle scope is open and a context entered, as in every callback of Node-API.
  pub(crate) unsafe fn new_array_buffer(self, store: Store) -> Option<NonNull<c_void>> {
    // SAFETY: TryGetCurrent reads a thread-local and has no preconditions.
    let isolate = NonNull::new(unsafe { (self.symbols.current_isolate)() })?;
    let mut pointer = store.pointer;
    // SAFETY: the isolate is current on this thread. A parameter with a destructor is passed by its address: V8 moves
    // from it, and what it leaves is given back when `pointer` is dropped.
    NonNull::new(unsafe { (self.symbols.new_array_buffer)(isolate, &raw mut pointer) })
  }
}

/// A store in use.
#[derive(Clone)]
pub(crate) struct Store {
  pointer: SharedPointer,
  symbols: &'static Symbols,
}

impl Store {
  /// Where its memory is now. A resizable or growable one may change its length at any time.
  pub(crate) fn extent(&self) -> Extent {
    // SAFETY: the use keeps the object; both getters only read fields.
    let address = unsafe { (self.symbols.data)(self.pointer.object()) };
    // SAFETY: as above.
    let length = unsafe { (self.symbols.byte_length)(self.pointer.object()) };
    Extent { address: u64::try_from(address).unwrap_or(0), length: u64::try_from(length).unwrap_or(0) }
  }

  /// Whether it has no memory and never will: all that is left to a detached buffer.
  pub(crate) fn is_empty_for_ever(&self) -> bool {
    // SAFETY: the use keeps the object; the getter only reads a field.
    self.extent().length == 0 && unsafe { (self.symbols.max_byte_length)(self.pointer.object()) } == 0
  }

  /// Whether several threads may have it at once.
  pub(crate) fn is_shared(&self) -> bool {
    // SAFETY: the use keeps the object; the getter only reads a field.
    unsafe { (self.symbols.is_shared)(self.pointer.object()) }
  }

  /// Whether its memory stays where it is, in this extent, for as long as there is any. False where that is not sure:
  /// a `WebAssembly.Memory`, which may grow, looks like any other store of whole pages of its kind that begins with a
  /// page of the system.
  pub(crate) fn is_fixed(&self, Extent { address, length }: Extent) -> bool {
    const PAGE: u64 = 4096;
    const PAGE_OF_WASM: u64 = 64 * 1024;
    // SAFETY: the use keeps the object; the getter only reads a field.
    let is_resizable = || unsafe { (self.symbols.is_resizable)(self.pointer.object()) };
    let may_be_wasm = address.is_multiple_of(PAGE) && length.is_multiple_of(PAGE_OF_WASM);
    length > 0 && !may_be_wasm && !is_resizable()
  }

  /// What C++ counts.
  pub(crate) fn pointer(&self) -> &SharedPointer {
    &self.pointer
  }

  /// Forgets a store whose counts are not understood.
  pub(crate) fn leak(self) {
    self.pointer.leak();
  }

  /// The way to find out later what became of it.
  pub(crate) fn downgrade(&self) -> Option<WeakStore> {
    Some(WeakStore { pointer: self.pointer.downgrade()? })
  }
}

/// A store that is followed and not kept.
#[derive(Clone)]
pub(crate) struct WeakStore {
  pointer: WeakPointer,
}

impl WeakStore {
  /// One number per store, which no other has while this exists.
  pub(crate) fn identity(&self) -> usize {
    self.pointer.identity()
  }

  /// Whether the memory is still there.
  pub(crate) fn is_alive(&self) -> bool {
    self.pointer.is_alive()
  }

  /// Where it is now; `None` when it is gone. It cannot go while it is looked at, and if all others let go in that
  /// moment, this call frees it.
  pub(crate) fn extent(&self) -> Option<Extent> {
    let BackingStores { symbols } = BackingStores::unverified()?;
    let store = Store { pointer: self.pointer.upgrade()?, symbols };
    Some(store.extent())
  }
}

/// `delete`, as C++ would write it.
unsafe fn delete_store(object: NonNull<c_void>) {
  let Some(BackingStores { symbols }) = BackingStores::unverified() else { return };
  // SAFETY: V8 made the object with `new`, and its last use is gone.
  unsafe { (symbols.destruct_store)(object) };
  // SAFETY: as above; the class has no `operator delete` of its own.
  unsafe { (symbols.operator_delete)(object) };
}

impl Symbols {
  #[expect(clippy::multiple_unsafe_ops_per_block, reason = "one reason holds for all of them")]
  fn resolve() -> Option<Self> {
    if cfg!(not(target_pointer_width = "64")) {
      return None; // libstdc++ was never looked at there
    }
    // SAFETY: the mangled names fix parameters and results; the Itanium ABI passes `this` as the first argument, and
    // a result with a destructor through memory of the caller.
    unsafe {
      Some(Self {
        is_array_buffer: function(c"_ZNK2v85Value13IsArrayBufferEv")?,
        is_shared_array_buffer: function(c"_ZNK2v85Value19IsSharedArrayBufferEv")?,
        of_array_buffer: function(c"_ZN2v811ArrayBuffer15GetBackingStoreEv")?,
        of_shared_array_buffer: function(c"_ZN2v817SharedArrayBuffer15GetBackingStoreEv")?,
        data: function(c"_ZNK2v812BackingStore4DataEv")?,
        byte_length: function(c"_ZNK2v812BackingStore10ByteLengthEv")?,
        max_byte_length: function(c"_ZNK2v812BackingStore13MaxByteLengthEv")?,
        is_shared: function(c"_ZNK2v812BackingStore8IsSharedEv")?,
        is_resizable: function(c"_ZNK2v812BackingStore27IsResizableByUserJavaScriptEv")?,
        current_isolate: function(c"_ZN2v87Isolate13TryGetCurrentEv")?,
        new_store: function(c"_ZN2v811ArrayBuffer15NewBackingStoreEPvmPFvS1_mS1_ES1_")?,
        new_array_buffer: function(
          c"_ZN2v811ArrayBuffer3NewEPNS_7IsolateESt10shared_ptrINS_12BackingStoreEE",
        )?,
        destruct_store: function(c"_ZN2v812BackingStoreD1Ev")?,
        operator_delete: function(c"_ZdlPv")?,
      })
    }
  }
}
