//! One process a data directory: two servers on one SQLite file and one root key would each think themselves alone.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    path::Path,
};

use chuangsha_kernel::problem::Problem;

use super::codes;

/// Held as long as the process lives; the system lets go of it even after `kill -9`.
#[derive(Debug)]
pub struct InstanceLock {
    _file: File,
}

/// Makes the data directory (0700) and takes its lock.
///
/// # Errors
/// `serve.data_in_use` names the process that has it; `serve.data_unusable` says why the directory cannot be used.
pub fn take(directory: &Path) -> Result<InstanceLock, Problem> {
    let unusable = |error: std::io::Error| Problem::new(&codes::DATA_UNUSABLE).with("path", directory.display()).with("reason", error);
    private_directory(directory).map_err(unusable)?;
    let path = directory.join("lock");
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            let _ = file.read_to_string(&mut pid);
            let pid = pid.trim();
            let pid = if pid.is_empty() { "?" } else { pid };
            return Err(Problem::new(&codes::DATA_IN_USE).with("path", directory.display()).with("pid", pid));
        }
        Err(TryLockError::Error(error)) => return Err(unusable(error)),
    }
    let write = |file: &mut File| {
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())
    };
    write(&mut file).map_err(unusable)?;
    Ok(InstanceLock { _file: file })
}

/// Makes a directory only its owner can enter.
pub fn private_directory(path: &Path) -> std::io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(path)?;
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    Ok(())
}

/// Writes a file only its owner can read, whole or not at all.
pub fn private_file(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let partial = path.with_extension("partial");
    let _ = fs::remove_file(&partial);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&partial)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&partial, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_taker_is_told_who_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let held = take(folder.path()).unwrap();
        let problem = take(folder.path()).unwrap_err();
        assert_eq!(problem.code.id, "serve.data_in_use");
        assert_eq!(problem.data["pid"], std::process::id().to_string());
        drop(held);
        take(folder.path()).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn keys_are_for_their_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("server.key");
        private_file(&path, b"first").unwrap();
        private_file(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
