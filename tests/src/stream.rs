//! What carries a client's bytes: a socket, or what is not one but is read and written in the same way.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::pin::Pin;
use std::sync::LazyLock;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::runtime::Runtime;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::PATIENCE;

/// A stream of bytes, read and written by a test that waits.
pub trait Stream: Read + Write + Send + fmt::Debug {
    /// Sends nothing more.
    ///
    /// # Errors
    /// When the server has ended the connection.
    fn finish(&mut self) -> io::Result<()>;

    /// The socket, where it is one.
    fn socket(&self) -> Option<&TcpStream> {
        None
    }
}

impl Stream for TcpStream {
    fn finish(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }

    fn socket(&self) -> Option<&TcpStream> {
        Some(self)
    }
}

/// Makes a call until it is not cut short for nothing. The system makes most of them again by itself where a process was
/// stopped for a moment, but none that has a time to end in (signal(7)).
///
/// # Errors
/// Those of the call.
pub fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// A stream whose calls are [`uninterrupted`], for who takes each error for the end.
#[derive(Debug)]
pub struct Uninterrupted<S>(pub S);

impl<S: Read> Read for Uninterrupted<S> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        uninterrupted(|| self.0.read(buf))
    }
}

impl<S: Write> Write for Uninterrupted<S> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        uninterrupted(|| self.0.write(buf))
    }

    fn flush(&mut self) -> io::Result<()> {
        uninterrupted(|| self.0.flush())
    }
}

/// Where clients run that are async.
static CLIENTS: LazyLock<Runtime> = LazyLock::new(|| {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().unwrap()
});

/// Spawns what a client does beside what it is told.
pub(crate) fn spawn(task: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
    CLIENTS.spawn(task).abort_handle()
}

/// Waits for a client, as long as anything may take.
///
/// # Errors
/// Its own, and one when it takes longer.
pub(crate) fn wait<T>(future: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    CLIENTS.block_on(async { timeout(PATIENCE, future).await? })
}

/// An async stream that is waited for.
pub struct Waiting(Pin<Box<dyn AsyncStream>>);

/// What can be [`Waiting`].
pub trait AsyncStream: AsyncRead + AsyncWrite + Send {}

impl<T: AsyncRead + AsyncWrite + Send> AsyncStream for T {}

impl Waiting {
    /// Waits for what this does.
    pub fn new(stream: impl AsyncStream + 'static) -> Self {
        Self(Box::pin(stream))
    }
}

impl Read for Waiting {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        wait(self.0.read(buf))
    }
}

impl Write for Waiting {
    /// Writes it all, and sees it on its way.
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        wait(async {
            self.0.write_all(buf).await?;
            self.0.flush().await?;
            Ok(buf.len())
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for Waiting {
    fn finish(&mut self) -> io::Result<()> {
        wait(self.0.shutdown())
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiting").finish_non_exhaustive()
    }
}
