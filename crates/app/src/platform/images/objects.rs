//! 影像库: sealed pictures as files. What is put here is already sealed; the store knows only an id.

use std::{path::Path, sync::Arc};

use bytes::Bytes;
use object_store::{ObjectStore, ObjectStoreExt, local::LocalFileSystem};
use uuid::Uuid;

/// Why an object could not be written, read or removed.
#[derive(Debug, thiserror::Error)]
pub enum ObjectsError {
    /// Nothing stored under this id.
    #[error("no object is stored under this id")]
    Missing,
    /// Disk, permission or network trouble.
    #[error("the object store failed: {0}")]
    Failed(object_store::Error),
}

impl From<object_store::Error> for ObjectsError {
    fn from(error: object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { .. } => Self::Missing,
            other => Self::Failed(other),
        }
    }
}

/// 影像库: sealed objects by id.
#[derive(Clone)]
pub struct Objects(Arc<dyn ObjectStore>);

impl Objects {
    /// A folder on this machine, made when absent. A write has reached the disk when `put` returns: the row that names the object is
    /// committed after it.
    ///
    /// # Errors
    /// The folder cannot be made or read.
    pub fn local(folder: &Path) -> Result<Self, ObjectsError> {
        std::fs::create_dir_all(folder)
            .map_err(|source| ObjectsError::Failed(object_store::Error::Generic { store: "folder", source: Box::new(source) }))?;
        let files = LocalFileSystem::new_with_prefix(folder)?.with_fsync(true);
        Ok(Self(Arc::new(files)))
    }

    /// Objects in memory, for tests.
    pub fn in_memory() -> Self {
        Self(Arc::new(object_store::memory::InMemory::new()))
    }

    /// Writes all or nothing; the same id again replaces.
    ///
    /// # Errors
    /// [`ObjectsError::Failed`].
    pub async fn put(&self, id: Uuid, sealed: Vec<u8>) -> Result<(), ObjectsError> {
        self.0.put(&path(id), Bytes::from(sealed).into()).await?;
        Ok(())
    }

    /// The sealed bytes.
    ///
    /// # Errors
    /// [`ObjectsError::Missing`] or [`ObjectsError::Failed`].
    pub async fn get(&self, id: Uuid) -> Result<Vec<u8>, ObjectsError> {
        Ok(self.0.get(&path(id)).await?.bytes().await?.to_vec())
    }

    /// Removes; removing what is not there is no error, so that destruction can be repeated after a crash.
    ///
    /// # Errors
    /// [`ObjectsError::Failed`].
    pub async fn delete(&self, id: Uuid) -> Result<(), ObjectsError> {
        match self.0.delete(&path(id)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(other) => Err(other.into()),
        }
    }
}

/// `7f/0190…7f`: spread by the last byte, which is random in a version 7 id; the first ones are the time and would fill one folder.
fn path(id: Uuid) -> object_store::path::Path {
    let spread = id.as_bytes()[15];
    object_store::path::Path::from(format!("{spread:02x}/{}", id.simple()))
}
