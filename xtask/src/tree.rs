//! The files of the project, without what is built, installed or stored.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// One text file: where, relative to the root, and what it says.
#[derive(Debug)]
pub struct TextFile {
    /// Relative to the root, with `/`.
    pub path: String,
    /// Content.
    pub text: String,
}

impl TextFile {
    /// Whether the name ends so.
    pub fn ends(&self, end: &str) -> bool {
        self.path.ends_with(end)
    }

    /// Whether it lies under the folder.
    pub fn under(&self, folder: &str) -> bool {
        self.path.starts_with(folder)
    }
}

/// The folder that holds the workspace.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().map_or_else(|| here.to_owned(), Path::to_owned)
}

/// Every text file of the project, in order.
pub fn files() -> Vec<TextFile> {
    let root = root();
    let mut found = Vec::new();
    walk(&root, &root, &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn walk(root: &Path, folder: &Path, found: &mut Vec<TextFile>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let built = ["target", "node_modules", "data", ".git", "corpus", "artifacts"].iter().any(|skipped| name == *skipped);
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && !built => walk(root, &path, found),
            Ok(kind) if kind.is_file() => {
                if let (Ok(text), Ok(relative)) = (fs::read_to_string(&path), path.strip_prefix(root)) {
                    found.push(TextFile { path: relative.to_string_lossy().replace('\\', "/"), text });
                }
            }
            _ => {}
        }
    }
}
