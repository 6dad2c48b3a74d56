//! Objects by name, in a store that outlives the process: a folder, in which a
//! process that dies leaves an object whole or not at all. Or in memory, for simulations.

use std::path::Path as FilePath;
use std::sync::Arc;

use futures_util::StreamExt as _;
use object_store::Error;
use object_store::ObjectStore;
use object_store::ObjectStoreExt as _;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use tokio::runtime::Builder;
use tokio::runtime::Runtime;

use crate::base::fault::Fault;

/// A store of objects. Names are parts joined by `/`.
pub struct Objects {
    store: Arc<dyn ObjectStore>,
    /// Drives what the store does; calls wait for it.
    runtime: Runtime,
    place: String,
}

impl Objects {
    /// The objects of a folder, which is made if it is not there.
    ///
    /// # Errors
    /// The folder cannot be made or read.
    pub fn folder(path: &FilePath) -> Result<Self, Fault> {
        let place = path.display().to_string();
        let doing = || format!("open store {place}");
        make_private(path).map_err(|error| Fault::stop(doing(), error))?;
        let store = LocalFileSystem::new_with_prefix(path).map_err(|error| Fault::stop(doing(), error))?;
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| Fault::stop(doing(), error))?;
        Ok(Self { store: Arc::new(store), runtime, place })
    }

    /// Objects that are gone with the process.
    ///
    /// # Errors
    /// The system gives no more handles.
    pub fn memory() -> Result<Self, Fault> {
        let runtime = Builder::new_current_thread().build().map_err(|error| Fault::stop("open store in memory", error))?;
        Ok(Self { store: Arc::new(InMemory::new()), runtime, place: "memory".to_owned() })
    }

    /// The same objects, for another who uses them.
    ///
    /// # Errors
    /// As when the store was opened.
    pub fn another(&self) -> Result<Self, Fault> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Fault::stop(format!("open store {}", self.place), error))?;
        Ok(Self { store: Arc::clone(&self.store), runtime, place: self.place.clone() })
    }

    pub fn place(&self) -> &str {
        &self.place
    }

    /// Writes an object, in place of one that has its name.
    pub fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), Fault> {
        let done = self.runtime.block_on(self.store.put(&Path::from(name), bytes.into()));
        done.map(|_| ()).map_err(|error| self.fault("write", name, error))
    }

    /// `None`: there is no such object.
    pub fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Fault> {
        let path = Path::from(name);
        let read = self.runtime.block_on(async { self.store.get(&path).await?.bytes().await });
        match read {
            Ok(bytes) => Ok(Some(bytes.to_vec())),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.fault("read", name, error)),
        }
    }

    /// Names of all objects under a prefix of whole parts, with their lengths; in order.
    pub fn list(&self, prefix: &str) -> Result<Vec<(String, u64)>, Fault> {
        let prefix = Path::from(prefix);
        let listed: Vec<_> = self.runtime.block_on(self.store.list(Some(&prefix)).collect());
        let named = |object: object_store::Result<object_store::ObjectMeta>| match object {
            Ok(object) => Some(Ok((object.location.to_string(), object.size))),
            // It went while it was listed.
            Err(Error::NotFound { .. }) => None,
            Err(error) => Some(Err(self.fault("list", prefix.as_ref(), error))),
        };
        let mut found: Vec<(String, u64)> = listed.into_iter().filter_map(named).collect::<Result<_, _>>()?;
        found.sort();
        Ok(found)
    }

    /// Removes an object; one that is not there is removed already.
    pub fn remove(&self, name: &str) -> Result<(), Fault> {
        match self.runtime.block_on(self.store.delete(&Path::from(name))) {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.fault("remove", name, error)),
        }
    }

    fn fault(&self, verb: &str, name: &str, error: Error) -> Fault {
        Fault::restart(format!("{verb} {name} in store {}", self.place), error)
    }
}

/// What lies in it is about persons: nobody else shall read a folder made here.
fn make_private(path: &FilePath) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_kept_listed_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let objects = Objects::folder(&folder.path().join("new")).unwrap();
        assert_eq!(objects.list("a").unwrap(), []);
        assert_eq!(objects.get("a/one").unwrap(), None);
        for (name, text) in [("a/two", "22"), ("a/one", "1"), ("ab/three", "333"), ("a/one", "111")] {
            objects.put(name, text.into()).unwrap();
        }
        assert_eq!(objects.list("a").unwrap(), [("a/one".to_owned(), 3), ("a/two".to_owned(), 2)]);
        assert_eq!(objects.get("a/one").unwrap().as_deref(), Some(b"111".as_slice()));
        objects.remove("a/one").unwrap();
        objects.remove("a/one").unwrap();
        let again = Objects::folder(&folder.path().join("new")).unwrap();
        assert_eq!(again.list("").unwrap(), [("a/two".to_owned(), 2), ("ab/three".to_owned(), 3)]);
    }
}
