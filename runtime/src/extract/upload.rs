//! A file that a client has sent: in memory, or in a temporary file.

use std::cell::RefCell;
use std::fmt;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use serde::de::{self, Deserialize, Deserializer, Visitor};
use tempfile::{NamedTempFile, TempPath};
use tokio::io::AsyncWriteExt as _;
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use super::values::FILE;

/// How long the name of a file may be, in bytes.
const MAX_NAME: usize = 200;

/// A file that a client has sent, with a [`Multipart`](crate::Multipart) form. Of the feature `multipart`.
///
/// Small ones are in memory, others in a temporary file, which is removed when this is dropped: see
/// [`Multipart`](crate::Multipart#files).
pub struct Upload {
    file_name: Option<String>,
    content_type: Option<String>,
    size: u64,
    content: Content,
}

enum Content {
    Memory(Bytes),
    Disk(Temporary),
}

/// A temporary file, removed by a thread that may wait.
struct Temporary(Option<TempPath>);

impl Upload {
    /// What the client calls the file: the last part of what it says, without control characters and those that mean
    /// something to a file system, and without dots at its ends; at most 200 bytes. `None` where nothing is left.
    ///
    /// It is for people to read. Whoever uses it as a path lets strangers choose which of two files stays; nor does its
    /// extension say what is in it.
    pub fn file_name(&self) -> Option<&str> {
        self.file_name.as_deref()
    }

    /// The media type that the client gives it, which may be wrong.
    pub fn content_type(&self) -> Option<&str> {
        self.content_type.as_deref()
    }

    /// How many bytes it has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Where it is, unless that is in memory.
    pub fn path(&self) -> Option<&Path> {
        match &self.content {
            Content::Memory(_) => None,
            Content::Disk(temporary) => temporary.0.as_deref(),
        }
    }

    /// All of it, in memory.
    ///
    /// # Errors
    /// When it can't be read.
    pub async fn bytes(&self) -> io::Result<Bytes> {
        match &self.content {
            Content::Memory(bytes) => Ok(bytes.clone()),
            Content::Disk(temporary) => tokio::fs::read(temporary.path()?).await.map(Bytes::from),
        }
    }

    /// Keeps it, as the file at this path, in place of what is there. It is there whole or not at all; on Unix its owner alone
    /// may read and write it. It is moved where that is possible, and copied to another file system.
    ///
    /// It is not cancelled by dropping the future.
    ///
    /// # Errors
    /// When it can't be written. It is then gone.
    pub async fn save(self, path: impl Into<PathBuf>) -> io::Result<()> {
        let path = path.into();
        let content = self.content;
        waiting(move || match content {
            Content::Memory(bytes) => {
                let mut file = NamedTempFile::new_in(directory(&path))?;
                file.write_all(&bytes)?;
                file.persist(&path).map(drop).map_err(|error| error.error)
            }
            Content::Disk(mut temporary) => {
                let taken = temporary.0.take().ok_or_else(gone)?;
                match taken.persist(&path) {
                    Ok(()) => Ok(()),
                    Err(error) if error.error.kind() == io::ErrorKind::CrossesDevices => {
                        let mut file = NamedTempFile::new_in(directory(&path))?;
                        io::copy(&mut std::fs::File::open(&error.path)?, &mut file)?;
                        file.persist(&path).map(drop).map_err(|error| error.error)
                    }
                    Err(error) => Err(error.error),
                }
            }
        })
        .await
    }

    /// Whether it is what a browser sends where no file was chosen.
    pub(super) fn is_nothing(&self) -> bool {
        self.size == 0 && self.file_name.is_none()
    }
}

fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn gone() -> io::Error {
    io::Error::other("the temporary file is gone")
}

/// Does what may wait for a disk.
async fn waiting<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error)))
}

impl Temporary {
    fn path(&self) -> io::Result<&Path> {
        self.0.as_deref().ok_or_else(gone)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let Some(path) = self.0.take() else { return };
        match Handle::try_current() {
            // A runtime that ends drops it.
            Ok(runtime) => drop(runtime.spawn_blocking(move || drop(path))),
            Err(_) => drop(path),
        }
    }
}

/// A file that is coming.
pub(super) struct Writing {
    in_memory: BytesMut,
    size: u64,
    /// How much of it may be in memory.
    memory: usize,
    directory: Option<PathBuf>,
    disk: Option<(tokio::fs::File, Temporary)>,
}

impl Writing {
    pub(super) fn new(memory: usize, directory: Option<PathBuf>) -> Self {
        Self {
            in_memory: BytesMut::new(),
            size: 0,
            memory,
            directory,
            disk: None,
        }
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    pub(super) async fn write(&mut self, piece: Bytes) -> io::Result<()> {
        self.size += piece.len() as u64;
        if let Some((file, _)) = &mut self.disk {
            return file.write_all(&piece).await;
        }
        if self.in_memory.len() + piece.len() <= self.memory {
            self.in_memory.extend_from_slice(&piece);
            return Ok(());
        }
        let directory = self.directory.clone();
        let created = waiting(move || {
            let mut builder = tempfile::Builder::new();
            let builder = builder.prefix("upload-");
            match directory {
                Some(directory) => builder.tempfile_in(directory),
                None => builder.tempfile(),
            }
        });
        let (file, path) = created.await?.into_parts();
        let mut file = tokio::fs::File::from_std(file);
        let temporary = Temporary(Some(path));
        file.write_all(&std::mem::take(&mut self.in_memory)).await?;
        file.write_all(&piece).await?;
        self.disk = Some((file, temporary));
        Ok(())
    }

    pub(super) async fn end(self, file_name: Option<String>, content_type: Option<String>) -> io::Result<Upload> {
        let content = match self.disk {
            None => Content::Memory(self.in_memory.freeze()),
            Some((mut file, temporary)) => {
                file.flush().await?;
                Content::Disk(temporary)
            }
        };
        Ok(Upload {
            file_name,
            content_type,
            size: self.size,
            content,
        })
    }
}

/// The part of a client's file name that names a file and nothing else.
pub(super) fn base_name(said: &str) -> Option<String> {
    let last = said.rsplit(['/', '\\']).next()?;
    let is_harmless = |char: &char| !char.is_control() && !r#"<>:"|?*"#.contains(*char);
    let mut name: String = last.chars().filter(is_harmless).collect();
    name.truncate(name.floor_char_boundary(MAX_NAME));
    let name = name.trim_matches(|char: char| char == '.' || char.is_whitespace());
    (!name.is_empty()).then(|| name.to_owned())
}

thread_local! {
    /// The files that the type which is being read on this thread may take, by their numbers.
    static LENT: RefCell<Vec<Option<Upload>>> = const { RefCell::new(Vec::new()) };
}

/// Reads something that takes files. Those that it does not take are dropped.
pub(super) fn lending<T>(files: Vec<Option<Upload>>, read: impl FnOnce() -> T) -> T {
    let before = LENT.replace(files);
    let read = read();
    drop(LENT.replace(before));
    read
}

/// From a [`Multipart`](crate::Multipart) form, and from nothing else.
impl<'de> Deserialize<'de> for Upload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number;

        impl Visitor<'_> for Number {
            type Value = Upload;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a file of a multipart form")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Upload, E> {
                let number = usize::try_from(number).map_err(E::custom)?;
                let lent = LENT.with_borrow_mut(|lent| lent.get_mut(number)?.take());
                lent.ok_or_else(|| E::custom("expected a file of a multipart form"))
            }
        }

        deserializer.deserialize_newtype_struct(FILE, Number)
    }
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload")
            .field("file_name", &self.file_name)
            .field("content_type", &self.content_type)
            .field("size", &self.size)
            .field("path", &self.path())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_file_name_is_a_name_and_no_path() {
        for (said, name) in [
            ("a.png", Some("a.png")),
            ("/etc/passwd", Some("passwd")),
            (r"C:\Users\me\photo 1.JPG", Some("photo 1.JPG")),
            ("../../.ssh/authorized_keys", Some("authorized_keys")),
            ("..", None),
            ("a/..", None),
            ("", None),
            (".htaccess", Some("htaccess")),
            ("a\0b\r\nc:d|e", Some("abcde")),
            (" .. ünï.txt. ", Some("ünï.txt")),
        ] {
            assert_eq!(base_name(said).as_deref(), name, "{said:?}");
        }
        assert_eq!(base_name(&"é".repeat(1000)).unwrap().len(), MAX_NAME);
    }

    #[test]
    fn no_other_format_has_files() {
        let error = serde_json::from_str::<Upload>("0").unwrap_err();
        assert!(error.to_string().contains("a file of a multipart form"), "{error}");
    }

    proptest! {
        #[test]
        fn whatever_a_client_says_is_a_name(said in "\\PC{0,300}|[./\\\\ a]{0,20}") {
            if let Some(name) = base_name(&said) {
                let path = Path::new(&name);
                prop_assert_eq!(path.file_name(), Some(path.as_os_str()));
                prop_assert!(!name.contains(['/', '\\']) && !name.starts_with('.') && name.len() <= MAX_NAME);
            }
        }
    }
}
