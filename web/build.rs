//! Builds anew when the dashboard was: which files are embedded is decided when this crate is compiled.

use std::path::Path;

fn main() {
    // Where nothing was built yet, something may appear.
    let built = Path::new("../frontend/dist");
    let watched = if built.exists() { built } else { Path::new("../frontend") };
    println!("cargo:rerun-if-changed={}", watched.display());
    println!("cargo:rerun-if-changed=build.rs");
}
