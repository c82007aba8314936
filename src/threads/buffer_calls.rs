//! Raw Node-API callbacks about buffers: what is called once per buffer, and what napi-rs has no word for.
//!
//! Each takes its arguments as they come, checks all of them, and answers with a number of [`Outcome`] where
//! JavaScript has to say something about it. Nothing here panics or throws.

use std::ffi::{CStr, c_void};
use std::ptr::{NonNull, null_mut};

use napi::bindgen_prelude::{Env, JsObjectValue, JsValue, Object, check_status};
use napi::sys;

use crate::buffers::{self, OwnedMemory, Source, Tag};
use crate::js_number::js_number;
use crate::v8::{BackingStores, Extent, Store, WeakStore};

type Callback = unsafe extern "C" fn(sys::napi_env, sys::napi_callback_info) -> sys::napi_value;

/// What came of a call; `undefined` in JavaScript means that it was done.
#[derive(Clone, Copy)]
enum Outcome {
  /// The value is neither an `ArrayBuffer` nor a `SharedArrayBuffer`.
  NotABuffer,
  /// It was detached before.
  Detached,
  /// Its memory did not come from `allocateStore`.
  NotOurs,
  /// The engine refuses to detach it.
  NotDetachable,
}

impl Outcome {
  const ALL: [(Self, &'static str); 4] = [
    (Self::NotABuffer, "NOT_A_BUFFER"),
    (Self::Detached, "DETACHED"),
    (Self::NotOurs, "NOT_OURS"),
    (Self::NotDetachable, "NOT_DETACHABLE"),
  ];

  #[expect(clippy::as_conversions, reason = "a fieldless enum has no other way to its discriminant")]
  fn number(self) -> u32 {
    self as u32
  }
}

/// Puts the functions and the numbers of their outcomes on `exports`.
pub(crate) fn install(env: Env, exports: &mut Object) -> napi::Result<()> {
  let functions: [(&CStr, Callback); 7] = [
    (c"verifyStores", verify_stores),
    (c"followStore", follow_store),
    (c"allocateStore", allocate_store),
    (c"releaseStore", release_store),
    (c"detachBuffer", detach_buffer),
    (c"addressOf", address_of),
    (c"storeKey", store_key),
  ];
  for (name, callback) in functions {
    export_function(env, exports, name, callback)?;
  }
  let mut outcomes = Object::new(&env)?;
  for (outcome, name) in Outcome::ALL {
    outcomes.set_named_property(name, outcome.number())?;
  }
  exports.set_named_property("storeOutcomes", outcomes)
}

/// `followStore(buffer, label?, thread)`: enters the store of an `ArrayBuffer` or `SharedArrayBuffer`.
unsafe extern "C" fn follow_store(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
  // SAFETY: both come from Node-API for this very call.
  let call = unsafe { Call::<3>::new(env, info) };
  let [value, label, thread] = call.arguments;
  // SAFETY: the value is an argument of this call.
  let Some(store) = (unsafe { store_of(value) }) else { return call.answer(Outcome::NotABuffer) };
  let tag = Tag::new(call.number(label), call.number(thread), Source::Tracked);
  if !buffers::follow(&store, tag) && call.is_detached(value) {
    return call.answer(Outcome::Detached);
  }
  null_mut()
}

/// `allocateStore(bytes, label?, thread)`: an `ArrayBuffer` over memory of ours; `undefined` when there is none left.
unsafe extern "C" fn allocate_store(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
  // SAFETY: both come from Node-API for this very call.
  let call = unsafe { Call::<3>::new(env, info) };
  let [bytes, label, thread] = call.arguments;
  let tag = Tag::new(call.number(label), call.number(thread), Source::Allocated);
  call
    .size(bytes)
    .and_then(|bytes| allocate(bytes, tag))
    .map_or_else(null_mut, |buffer| buffer.as_ptr().cast())
}

fn allocate(bytes: usize, tag: Tag) -> Option<NonNull<c_void>> {
  let stores = BackingStores::get()?;
  let store = OwnedMemory::zeroed(bytes)?.into_store(stores)?;
  let use_of_ours = store.clone();
  // SAFETY: this is a callback of Node-API.
  let buffer = unsafe { stores.new_array_buffer(store) }?;
  buffers::follow(&use_of_ours, tag);
  Some(buffer)
}

/// `releaseStore(buffer)`: detaches a buffer of ours, which frees its memory before this returns.
unsafe extern "C" fn release_store(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
  // SAFETY: both come from Node-API for this very call.
  let call = unsafe { Call::<1>::new(env, info) };
  let [value] = call.arguments;
  match release(&call, value) {
    Some(outcome) => call.answer(outcome),
    None => null_mut(),
  }
}

fn release(call: &Call<1>, value: sys::napi_value) -> Option<Outcome> {
  // SAFETY: the value is an argument of this call.
  let Some(store) = (unsafe { store_of(value) }) else { return Some(Outcome::NotABuffer) };
  if call.is_detached(value) {
    return Some(Outcome::Detached);
  }
  let Some(weak) = store.downgrade() else { return Some(Outcome::NotOurs) };
  if buffers::look_up(weak.identity()) != Some(Source::Allocated) {
    return Some(Outcome::NotOurs);
  }
  drop(store); // the buffer's use is to be the last
  if !call.detach(value) {
    return Some(Outcome::NotDetachable);
  }
  wait_for_lookers(&weak);
  buffers::strike(weak.identity());
  None
}

/// Another thread that is just looking where the store lies has a use of it for some nanoseconds. Who has one for
/// longer is native code that wants the memory: it goes when that lets go.
fn wait_for_lookers(store: &WeakStore) {
  const PATIENCE: u32 = 1000;
  for _ in 0..PATIENCE {
    if !store.is_alive() {
      return;
    }
    std::thread::yield_now();
  }
}

/// `detachBuffer(buffer)`: whether an `ArrayBuffer` that was not detached is now.
unsafe extern "C" fn detach_buffer(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
  // SAFETY: both come from Node-API for this very call.
  let call = unsafe { Call::<1>::new(env, info) };
  let [value] = call.arguments;
  call.boolean(!call.is_detached(value) && call.detach(value))
}

/// `addressOf(view)`: where the bytes of a `Uint8Array` lie; `undefined` for anything else.
unsafe extern "C" fn address_of(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
  // SAFETY: both come from Node-API for this very call.
  let call = unsafe { Call::<1>::new(env, info) };
  let [view] = call.arguments;
  call.address(view).map_or_else(null_mut, |address| call.double(js_number(address)))
}

/// `storeKey(buffer)`: what tells a store from all others that are alive or on the books; `undefined` for no buffer.
unsafe extern "C" fn store_key(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
  // SAFETY: both come from Node-API for this very call.
  let call = unsafe { Call::<1>::new(env, info) };
  call.store_key().map_or_else(null_mut, |key| call.double(js_number(key)))
}

/// `verifyStores(sharedBuffer, viewOfIt)`: whether backing stores are what we believe them to be. Buffers are made of
/// which everything is known, and looked at; the first look only reads.
unsafe extern "C" fn verify_stores(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
  // SAFETY: both come from Node-API for this very call.
  let call = unsafe { Call::<2>::new(env, info) };
  let [shared, view] = call.arguments;
  if BackingStores::get().is_some() {
    return call.boolean(true);
  }
  let verified = BackingStores::unverified().filter(|stores| {
    let stores = *stores;
    verify_array_buffer(&call, stores) == Some(true)
      && verify_shared(&call, stores, shared, view) == Some(true)
      && verify_own(&call, stores) == Some(true)
  });
  if verified.is_some() {
    BackingStores::trust();
  }
  call.boolean(verified.is_some())
}

/// An odd size that nothing else has.
const PROBE: usize = 4099;

/// A buffer of V8's: it dies when it is detached.
fn verify_array_buffer(call: &Call<2>, stores: BackingStores) -> Option<bool> {
  let (mut data, mut buffer) = (null_mut(), null_mut());
  // SAFETY: both out-parameters are live locals.
  let status = unsafe { sys::napi_create_arraybuffer(call.env, PROBE, &raw mut data, &raw mut buffer) };
  if status != sys::Status::napi_ok {
    return None;
  }
  // SAFETY: the handle was just made.
  let store = unsafe { stores.of_value(NonNull::new(buffer)?.cast()) }?;
  // The buffer and we use it; all uses are one weak reference.
  if store.pointer().counts() != (2, 1) {
    store.leak();
    return Some(false);
  }
  let is_where_it_is =
    store.extent() == extent(data, PROBE) && !store.is_shared() && !store.is_empty_for_ever();
  let weak = store.downgrade()?;
  let counts = store.pointer().counts();
  drop(store);
  let lived = weak.is_alive();
  let is_gone = call.detach(buffer) && !weak.is_alive();
  Some(is_where_it_is && counts == (2, 2) && lived && is_gone && weak.extent().is_none())
}

/// A buffer of V8's that may be shared.
fn verify_shared(
  call: &Call<2>,
  stores: BackingStores,
  shared: sys::napi_value,
  view: sys::napi_value,
) -> Option<bool> {
  // SAFETY: the handle is an argument of this call.
  let store = unsafe { stores.of_value(NonNull::new(shared)?.cast()) }?;
  let (uses, _) = store.pointer().counts(); // V8 has a weak reference of its own to some of these
  Some(uses == 2 && store.is_shared() && store.extent().address == call.address(view)?)
}

/// A buffer of ours: it is as large as we say, where we say, and its memory goes when it is detached.
fn verify_own(call: &Call<2>, stores: BackingStores) -> Option<bool> {
  let store = OwnedMemory::zeroed(PROBE)?.into_store(stores)?;
  let (weak, expected) = (store.downgrade()?, store.extent());
  // SAFETY: this is a callback of Node-API.
  let buffer = unsafe { stores.new_array_buffer(store) }?.as_ptr().cast();
  let (mut data, mut length) = (null_mut(), 0);
  // SAFETY: the handle was just made; both out-parameters are live locals.
  unsafe { sys::napi_get_arraybuffer_info(call.env, buffer, &raw mut data, &raw mut length) };
  let lived = weak.is_alive();
  let is_gone = call.detach(buffer) && !weak.is_alive();
  Some(expected == extent(data, length) && length == PROBE && lived && is_gone)
}

/// # Safety
/// `value` is an argument of the running call.
unsafe fn store_of(value: sys::napi_value) -> Option<Store> {
  let value = NonNull::new(value)?.cast();
  // SAFETY: handles of arguments are live while the call runs.
  unsafe { BackingStores::get()?.of_value(value) }
}

fn extent(data: *mut c_void, length: usize) -> Extent {
  let to_u64 = |word: usize| u64::try_from(word).unwrap_or(0);
  Extent { address: to_u64(data.addr()), length: to_u64(length) }
}

/// One call from JavaScript with up to N arguments; those that are missing are `undefined`.
struct Call<const N: usize> {
  env: sys::napi_env,
  arguments: [sys::napi_value; N],
}

impl<const N: usize> Call<N> {
  /// # Safety
  /// Both are those of the running callback.
  unsafe fn new(env: sys::napi_env, info: sys::napi_callback_info) -> Self {
    let mut arguments = [null_mut(); N];
    let mut count = N;
    let first = arguments.as_mut_ptr();
    // SAFETY: the array has room for as many arguments as are asked for; the rest is not asked for.
    unsafe { sys::napi_get_cb_info(env, info, &raw mut count, first, null_mut(), null_mut()) };
    Self { env, arguments }
  }

  fn number(&self, value: sys::napi_value) -> Option<u32> {
    let mut number = 0;
    // SAFETY: the value is an argument of this call, the out-parameter a live local.
    let status = unsafe { sys::napi_get_value_uint32(self.env, value, &raw mut number) };
    (status == sys::Status::napi_ok).then_some(number)
  }

  fn size(&self, value: sys::napi_value) -> Option<usize> {
    let mut number = 0;
    // SAFETY: as above.
    let status = unsafe { sys::napi_get_value_int64(self.env, value, &raw mut number) };
    usize::try_from(number).ok().filter(|_| status == sys::Status::napi_ok)
  }

  /// Where the bytes of a typed array begin.
  fn address(&self, view: sys::napi_value) -> Option<u64> {
    let mut data = null_mut();
    let (ask, out) = (sys::napi_get_typedarray_info, &raw mut data);
    // SAFETY: the value is an argument of this call; null out-parameters are skipped.
    let status = unsafe { ask(self.env, view, null_mut(), null_mut(), out, null_mut(), null_mut()) };
    (status == sys::Status::napi_ok).then(|| extent(data, 0).address)
  }

  fn store_key(&self) -> Option<u64> {
    // SAFETY: the value is an argument of this call.
    let store = unsafe { store_of(*self.arguments.first()?) }?;
    u64::try_from(store.downgrade()?.identity()).ok()
  }

  fn is_detached(&self, buffer: sys::napi_value) -> bool {
    let mut detached = false;
    // SAFETY: the value is an argument of this call, the out-parameter a live local.
    unsafe { sys::napi_is_detached_arraybuffer(self.env, buffer, &raw mut detached) };
    detached
  }

  fn detach(&self, buffer: sys::napi_value) -> bool {
    // SAFETY: the value is an argument of this call, or was made in it; Node-API checks that it can be detached.
    let status = unsafe { sys::napi_detach_arraybuffer(self.env, buffer) };
    status == sys::Status::napi_ok
  }

  fn answer(&self, outcome: Outcome) -> sys::napi_value {
    self.double(f64::from(outcome.number()))
  }

  fn double(&self, number: f64) -> sys::napi_value {
    let mut value = null_mut();
    // SAFETY: the out-parameter is a live local.
    unsafe { sys::napi_create_double(self.env, number, &raw mut value) };
    value
  }

  fn boolean(&self, truth: bool) -> sys::napi_value {
    let mut value = null_mut();
    // SAFETY: the out-parameter is a live local.
    unsafe { sys::napi_get_boolean(self.env, truth, &raw mut value) };
    value
  }
}

fn export_function(env: Env, exports: &Object, name: &CStr, callback: Callback) -> napi::Result<()> {
  let length = name.count_bytes().try_into().unwrap_or(0);
  let (text, mut function) = (name.as_ptr(), null_mut());
  // SAFETY: the name is a C string of that length; the callback needs no data.
  let status = unsafe {
    sys::napi_create_function(env.raw(), text, length, Some(callback), null_mut(), &raw mut function)
  };
  check_status!(status)?;
  // SAFETY: exports and the function belong to this environment and are live in this handle scope.
  let status = unsafe { sys::napi_set_named_property(env.raw(), exports.raw(), text, function) };
  check_status!(status)
}
