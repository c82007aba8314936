//! `std::shared_ptr` of libstdc++: the pair that C++ passes around, the control block behind it, and weak references.
//!
//! The layout of the block is part of libstdc++'s ABI: a vtable, the count of uses, the count of weak references, in
//! which all uses together are one. [`SharedPointer::counts`] only reads, so a host built with another library is
//! noticed before anything is written (`threads/buffer_calls.rs` does, at first use).

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr::{NonNull, null, null_mut};
use std::sync::atomic::{AtomicI32, Ordering, fence};

type OnBlock = unsafe extern "C" fn(NonNull<ControlBlock>);

/// `std::_Sp_counted_base`.
#[repr(C)]
struct ControlBlock {
  vtable: *const Vtable,
  uses: AtomicI32,
  weaks: AtomicI32,
}

/// Its virtual functions, in the order in which libstdc++ declares them.
#[repr(C)]
struct Vtable {
  complete_destructor: OnBlock,
  deleting_destructor: OnBlock,
  /// `_M_dispose`: ends the object.
  dispose: OnBlock,
  /// `_M_destroy`: frees the block.
  destroy: OnBlock,
  get_deleter: unsafe extern "C" fn(NonNull<ControlBlock>, *const c_void) -> *mut c_void,
}

/// One use of an object, given back when it is dropped.
#[repr(C)]
pub(crate) struct SharedPointer {
  object: *mut c_void,
  block: *mut ControlBlock,
}

/// A `SharedPointer` as C++ returns it: through memory of the caller, because it has a destructor. A struct of this
/// size is returned that way by Rust too, on every architecture; only the first two words are written.
#[repr(C)]
pub(super) struct ReturnedPointer {
  pointer: SharedPointer,
  _rest: MaybeUninit<[usize; 2]>,
}

impl ReturnedPointer {
  pub(super) fn into_pointer(self) -> Option<SharedPointer> {
    let pointer = self.pointer;
    (!pointer.object.is_null() && !pointer.block.is_null()).then_some(pointer)
  }
}

/// `std::unique_ptr` as C++ returns it; only the first word is written.
#[repr(C)]
pub(super) struct ReturnedOwner {
  pub(super) object: *mut c_void,
  _rest: MaybeUninit<[usize; 3]>,
}

impl SharedPointer {
  /// The first use of `object`, which `delete` ends with the last one. `None` for null.
  pub(super) fn owning(object: *mut c_void, delete: unsafe fn(NonNull<c_void>)) -> Option<Self> {
    let object = NonNull::new(object)?;
    let base =
      ControlBlock { vtable: &raw const OWN.vtable, uses: AtomicI32::new(1), weaks: AtomicI32::new(1) };
    let block = Box::into_raw(Box::new(OwnBlock { base, object, delete }));
    Some(Self { object: object.as_ptr(), block: block.cast() })
  }

  /// Uses and weak references, for the check that this is the layout.
  pub(crate) fn counts(&self) -> (i32, i32) {
    let Some(block) = self.block() else { return (0, 0) };
    (block.uses.load(Ordering::Acquire), block.weaks.load(Ordering::Acquire))
  }

  /// Whether this is the only use.
  pub(crate) fn is_last(&self) -> bool {
    self.counts().0 == 1
  }

  /// What is pointed at. Null once C++ has moved the pointer elsewhere.
  pub(super) fn object(&self) -> *mut c_void {
    self.object
  }

  pub(super) fn downgrade(&self) -> Option<WeakPointer> {
    let block = self.block()?;
    block.weaks.fetch_add(1, Ordering::Relaxed);
    Some(WeakPointer { object: NonNull::new(self.object)?, block: NonNull::new(self.block)? })
  }

  /// Forgets a use that is not understood, instead of giving it back.
  pub(crate) fn leak(mut self) {
    self.block = null_mut();
  }

  fn block(&self) -> Option<&ControlBlock> {
    // SAFETY: null, or the block of an object of which this is a use: it lives as long as `self`.
    unsafe { self.block.as_ref() }
  }
}

impl Clone for SharedPointer {
  fn clone(&self) -> Self {
    if let Some(block) = self.block() {
      block.uses.fetch_add(1, Ordering::Relaxed);
    }
    Self { object: self.object, block: self.block }
  }
}

impl Drop for SharedPointer {
  fn drop(&mut self) {
    let Some(block) = NonNull::new(self.block) else { return };
    // SAFETY: the block lives while it has uses, and this is one.
    let counts = unsafe { block.as_ref() };
    if counts.uses.fetch_sub(1, Ordering::Release) == 1 {
      fence(Ordering::Acquire);
      // SAFETY: the vtable is that of the block, which the uses keep.
      let dispose = unsafe { (*counts.vtable).dispose };
      // SAFETY: that was the last use; as in libstdc++ whoever gave it back ends the object.
      unsafe { dispose(block) };
      // SAFETY: all uses together hold one weak reference, which goes with the last.
      unsafe { release_weak(block) };
    }
  }
}

/// Keeps the block, and so the count of uses, but not the object.
pub(crate) struct WeakPointer {
  object: NonNull<c_void>,
  block: NonNull<ControlBlock>,
}

// SAFETY: the block is made for being used from any thread: its counts are atomic, and the object is only reached
// through a use that was won by them.
unsafe impl Send for WeakPointer {}
// SAFETY: as above.
unsafe impl Sync for WeakPointer {}

impl WeakPointer {
  /// One address per object, which no other object has while this exists.
  pub(crate) fn identity(&self) -> usize {
    self.block.addr().get()
  }

  /// Whether somebody uses the object.
  pub(crate) fn is_alive(&self) -> bool {
    self.counts().uses.load(Ordering::Acquire) > 0
  }

  /// A use of the object, if it still has others.
  pub(super) fn upgrade(&self) -> Option<SharedPointer> {
    let add_one = |uses: i32| if uses > 0 { uses.checked_add(1) } else { None };
    self.counts().uses.fetch_update(Ordering::AcqRel, Ordering::Acquire, add_one).ok()?;
    Some(SharedPointer { object: self.object.as_ptr(), block: self.block.as_ptr() })
  }

  fn counts(&self) -> &ControlBlock {
    // SAFETY: our weak reference keeps the block.
    unsafe { self.block.as_ref() }
  }
}

impl Clone for WeakPointer {
  fn clone(&self) -> Self {
    self.counts().weaks.fetch_add(1, Ordering::Relaxed);
    Self { object: self.object, block: self.block }
  }
}

impl Drop for WeakPointer {
  fn drop(&mut self) {
    // SAFETY: the reference is ours, and it is given back once.
    unsafe { release_weak(self.block) };
  }
}

/// # Safety
/// The caller owns a weak reference and gives it up.
unsafe fn release_weak(block: NonNull<ControlBlock>) {
  // SAFETY: the caller's reference keeps the block until here.
  let counts = unsafe { block.as_ref() };
  if counts.weaks.fetch_sub(1, Ordering::Release) == 1 {
    fence(Ordering::Acquire);
    // SAFETY: the block still exists: nobody but us may free it now.
    let destroy = unsafe { (*counts.vtable).destroy };
    // SAFETY: neither a use nor a weak reference is left.
    unsafe { destroy(block) };
  }
}

/// A control block of ours, for objects that we make.
#[repr(C)]
struct OwnBlock {
  base: ControlBlock,
  object: NonNull<c_void>,
  delete: unsafe fn(NonNull<c_void>),
}

/// A vtable with what the C++ ABI keeps in front of it: no offset, and no type information, which only
/// `std::get_deleter` and `dynamic_cast` would ask for.
#[repr(C)]
struct OwnVtable {
  offset_to_top: isize,
  type_information: *const c_void,
  vtable: Vtable,
}

// SAFETY: the struct is constant; its only pointer is null.
unsafe impl Sync for OwnVtable {}

static OWN: OwnVtable = OwnVtable {
  offset_to_top: 0,
  type_information: null(),
  vtable: Vtable {
    complete_destructor: destruct_own,
    deleting_destructor: destroy_own,
    dispose: dispose_own,
    destroy: destroy_own,
    get_deleter: no_deleter,
  },
};

unsafe extern "C" fn destruct_own(_block: NonNull<ControlBlock>) {}

unsafe extern "C" fn dispose_own(block: NonNull<ControlBlock>) {
  // SAFETY: this function is only in the vtable of our own blocks.
  let own = unsafe { block.cast::<OwnBlock>().as_ref() };
  // SAFETY: the last use is gone, and it happens once.
  unsafe { (own.delete)(own.object) };
}

unsafe extern "C" fn destroy_own(block: NonNull<ControlBlock>) {
  // SAFETY: our blocks come from `Box::into_raw`, and this is called once, after the last reference.
  drop(unsafe { Box::from_raw(block.cast::<OwnBlock>().as_ptr()) });
}

unsafe extern "C" fn no_deleter(_block: NonNull<ControlBlock>, _type: *const c_void) -> *mut c_void {
  null_mut()
}
