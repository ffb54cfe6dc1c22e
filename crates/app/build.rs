//! Brings the browser library into the binary. It is installed by npm from the lock file (`npm ci`, which `make` does first), not kept in this repository.

use std::path::{Path, PathBuf};
use std::{env, fs, process};

const FILE: &str = "node_modules/htmx.org/dist/htmx.min.js";

fn main() {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    // Node's own rule: the nearest node_modules upwards.
    let Some(source) = here.ancestors().map(|folder| folder.join(FILE)).find(|file| file.is_file()) else {
        eprintln!("error: {FILE} is missing. Run `make` (or `npm ci` in the folder with package.json) once, then build again.");
        process::exit(1);
    };
    let target = Path::new(&env::var_os("OUT_DIR").unwrap_or_default()).join("htmx.min.js");
    if let Err(error) = fs::copy(&source, &target) {
        eprintln!("error: cannot copy {} to {}: {error}", source.display(), target.display());
        process::exit(1);
    }
    println!("cargo::rerun-if-changed={}", source.display());
    println!("cargo::rerun-if-changed=build.rs");
}
