//! Link settings for a Node-API addon.

fn main() {
  napi_build::setup();
  // Node dlcloses an addon when a worker ends; late callbacks must still find their code.
  if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
  }
}
