//! 本机快照: what a node has in force, as files of its own, so that it decides before the store has answered. Only this program reads them: numbers are not
//! sealed in them. The description is written last; what it names is whole.

use std::{
    fs,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use chuangsha_screen::index::{self, Index};

use super::{
    base::{self, Base},
    compile::{self, Content, Own},
};
use crate::platform::failure::{Failure, Result};

#[derive(serde::Serialize, serde::Deserialize)]
struct Kept {
    version: u64,
    hash: String,
    base: i64,
    base_hash: String,
    content: Content,
}

fn failed(error: std::io::Error) -> Failure {
    Failure::internal(format!("the snapshot file cannot be kept: {error}"))
}

fn own(path: &Path, mode: u32) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(failed)
}

/// The folder, closed to everybody else.
pub(super) fn folder(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(failed)?;
    own(folder, 0o700)
}

/// A new file nobody else reads; one of that name that was left behind goes.
pub(super) fn create(path: &Path) -> Result<fs::File> {
    drop(fs::remove_file(path));
    let file = fs::File::options().read(true).write(true).create_new(true).open(path).map_err(failed)?;
    own(path, 0o600)?;
    Ok(file)
}

/// Flushes what was written beside and gives it its name: a reader finds the whole file or none.
pub(super) fn finish(written: BufWriter<fs::File>, beside: &Path, path: &Path) -> Result<()> {
    let file = written.into_inner().map_err(|error| failed(error.into_error()))?;
    own(beside, 0o400)?;
    file.sync_all().map_err(failed)?;
    fs::rename(beside, path).map_err(failed)?;
    let folder = path.parent().map(fs::File::open).transpose().map_err(failed)?;
    folder.map_or(Ok(()), |folder| folder.sync_all().map_err(failed))
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let beside = path.with_extension("new");
    let mut file = BufWriter::new(create(&beside)?);
    file.write_all(bytes).map_err(failed)?;
    finish(file, &beside, path)
}

fn delta_file(folder: &Path, version: u64) -> PathBuf {
    folder.join(format!("delta-{version}.index"))
}

fn wishes_file(folder: &Path, number: i64) -> PathBuf {
    folder.join(format!("base-{number}.json"))
}

/// Keeps a version. Its base is written once, however many versions stand on it.
pub(super) fn keep(place: &Path, version: u64, content: &Content, base: &Base, delta: &Index) -> Result<()> {
    folder(place)?;
    let mut names = vec![delta_file(place, version), place.join("active.json")];
    if base.number > 0 {
        let (numbers, wishes) = (base::file(place, base.number), wishes_file(place, base.number));
        if !numbers.exists() {
            index::write(&numbers, base.index.as_bytes()).map_err(Failure::internal)?;
            own(&numbers, 0o400)?;
        }
        if !wishes.exists() {
            write(&wishes, &serde_json::to_vec(&base.own.values().collect::<Vec<_>>()).map_err(Failure::internal)?)?;
        }
        names.extend([numbers, wishes]);
    }
    write(&delta_file(place, version), delta.as_bytes())?;
    let hash = compile::hash(&compile::bytes_of(content)?, delta.as_bytes(), &base.hash);
    let kept = Kept { version, hash, base: base.number, base_hash: base.hash.clone(), content: content.clone() };
    write(&place.join("active.json"), &serde_json::to_vec(&kept).map_err(Failure::internal)?)?;
    for entry in fs::read_dir(place).map_err(failed)?.flatten() {
        let name = entry.file_name();
        let ours = |name: &str| ["delta-", "base-", "numbers-"].iter().any(|head| name.starts_with(head)) && !name.ends_with(".new");
        // The map of an index in use outlives its name.
        if name.to_str().is_some_and(ours) && !names.contains(&entry.path()) {
            drop(fs::remove_file(entry.path()));
        }
    }
    Ok(())
}

/// What this node kept: version, content, base, and what stands beside it. None where it kept nothing.
///
/// # Errors
/// It is there and damaged.
pub(super) fn read(folder: &Path) -> Result<Option<(u64, Content, Base, Index)>> {
    let text = match fs::read(folder.join("active.json")) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::internal(format!("the snapshot file cannot be read: {error}"))),
    };
    let damaged = |_| Failure::internal("the snapshot file is damaged");
    let kept: Kept = serde_json::from_slice(&text).map_err(damaged)?;
    let own: Vec<Own> = match kept.base {
        0 => Vec::new(),
        number => {
            let text = fs::read(wishes_file(folder, number)).map_err(Failure::internal)?;
            serde_json::from_slice(&text).map_err(damaged)?
        }
    };
    let base = base::from_file(folder, kept.base, &kept.base_hash, own)?;
    let delta = fs::read(delta_file(folder, kept.version)).map_err(Failure::internal)?;
    let delta = Index::from_bytes(delta).and_then(Index::settle).map_err(Failure::internal)?;
    if compile::hash(&compile::bytes_of(&kept.content)?, delta.as_bytes(), &base.hash) != kept.hash {
        return Err(Failure::internal("the snapshot file and its numbers do not belong together"));
    }
    Ok(Some((kept.version, kept.content, base, delta)))
}
