//! `cargo run -p xtask -- regenerate`: writes again what is generated and kept in the tree, so that a difference shows in review.

use std::{
    fs,
    path::Path,
    process::{Command, ExitCode},
};

/// Generated file and the arguments of `chuangsha` that print it.
const GENERATED: &[(&str, &[&str])] =
    &[("docs/operate/chuangsha.toml", &["config", "print", "--defaults"]), ("docs/api/openapi.json", &["openapi"])];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments != ["regenerate"] {
        eprintln!("usage: cargo run -p xtask -- regenerate");
        return ExitCode::from(2);
    }
    let root = xtask::tree::root();
    for (file, arguments) in GENERATED {
        if let Err(reason) = regenerate(&root, file, arguments) {
            eprintln!("{file}: {reason}");
            return ExitCode::FAILURE;
        }
        println!("{file}");
    }
    ExitCode::SUCCESS
}

fn regenerate(root: &Path, file: &str, arguments: &[&str]) -> Result<(), String> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .current_dir(root)
        .args(["run", "--quiet", "--package", "chuangsha", "--"])
        .args(arguments)
        .output()
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let path = root.join(file);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    }
    fs::write(path, output.stdout).map_err(|error| error.to_string())
}
