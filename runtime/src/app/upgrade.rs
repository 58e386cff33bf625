//! `SIGUSR2`: the program as it is now on disk takes over from this process.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::json;
use tokio::task::spawn_blocking;

use super::orders::{self, Newer};
use super::supervised;
use crate::handoff::{self, Giver, Outcome};
use crate::lifecycle::Lifecycle;
use crate::line::{self, Sender};

/// What is needed to start the program once more.
#[derive(Debug)]
pub(super) struct Upgrade {
    /// As it was called at the start: where that is a symbolic link, it may lead elsewhere by the time of an upgrade.
    program: PathBuf,
    arguments: Vec<OsString>,
    /// Until this process accepts no more: then nobody is to be left waiting at it.
    listener: Mutex<Option<OwnedFd>>,
    lifecycle: Lifecycle,
}

impl Upgrade {
    pub(super) fn prepare(listener: &tokio::net::TcpListener, lifecycle: Lifecycle) -> io::Result<Self> {
        Ok(Self {
            program: program()?,
            arguments: std::env::args_os().skip(1).collect(),
            listener: Mutex::new(Some(listener.as_fd().try_clone_to_owned()?)),
            lifecycle,
        })
    }

    /// Starts the program, and hands everything over to it; what fails leaves this process as it was. Ends when there is
    /// nothing more to hand over.
    pub(super) async fn run(self: Arc<Self>, giver: Giver, newer: Newer) {
        let (child, socket) = match self.start().await {
            Ok(started) => started,
            Err(error) => {
                tracing::error!(
                    "the upgrade has failed, and this process goes on: {} can't be started: {error}",
                    self.program.display()
                );
                return;
            }
        };
        let number = child.id();
        tracing::info!("upgrading: {} has started as process {number}", self.program.display());
        let given = handoff::give(socket, &giver, orders::when(newer)).await;
        match given {
            Ok(Some(Outcome {
                moved,
                closed,
                took,
                beyond,
            })) => {
                // A service manager watches the new process from now on.
                supervised::notify(&format!("MAINPID={number}\nREADY=1"));
                tracing::info!("{moved} WebSockets have moved in {took:.1?}");
                for (reason, count) in closed {
                    tracing::warn!("{count} WebSockets are closed with 1012: {reason}");
                }
                handoff::forward(beyond).await;
            }
            Ok(None) => {
                tracing::warn!("process {number} has not begun, and is given up");
                end(child).await;
            }
            Err(error) => {
                let status = end(child).await;
                tracing::error!(
                    "the upgrade has failed, and this process goes on: {error} (it has ended with {status})"
                );
            }
        }
    }

    /// This process accepts no more. Says whether another has taken over.
    pub(super) fn stop(&self) -> bool {
        *self.listener() = None;
        self.lifecycle.has_moved()
    }

    fn listener(&self) -> MutexGuard<'_, Option<OwnedFd>> {
        self.listener.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn start(&self) -> io::Result<(Child, UnixStream)> {
        let listener = self.listener().as_ref().map(OwnedFd::try_clone).transpose()?;
        let listener = listener.ok_or_else(|| io::Error::other("this process is ending"))?;
        let (mine, its) = UnixStream::pair()?;
        let (giving, taking) = UnixStream::pair()?;
        let child = Command::new(&self.program)
            .args(&self.arguments)
            .env("NOVA_TAKEOVER", "line")
            .env_remove("NOVA_SUPERVISED")
            .env_remove("LISTEN_FDS")
            .env_remove("LISTEN_FDS_FIRST_FD")
            .env_remove("LISTEN_PID")
            .env_remove("LISTEN_FDNAMES")
            .stdin(Stdio::from(OwnedFd::from(its)))
            .spawn()?;
        let telling = async {
            let line: Sender = line::over(mine, 0)?.0;
            line.send(&json!({ "event": "listen" }), Some(listener.as_fd())).await?;
            line.send(&json!({ "event": "take" }), Some(taking.as_fd())).await
        };
        match telling.await {
            Ok(()) => Ok((child, giving)),
            Err(error) => {
                let status = end(child).await;
                Err(io::Error::other(format!("it has ended with {status}: {error}")))
            }
        }
    }
}

/// The program, whatever directory is the current one later.
fn program() -> io::Result<PathBuf> {
    match std::env::args_os().next().map(PathBuf::from) {
        Some(called) if called.components().count() > 1 => std::path::absolute(called),
        // It was found in `PATH`, and is again.
        Some(called) if !called.as_os_str().is_empty() => Ok(called),
        _ => std::env::current_exe(),
    }
}

/// Ends a process that has not taken over.
async fn end(mut child: Child) -> String {
    let ended = spawn_blocking(move || {
        // It may have ended by itself.
        let _ = child.kill();
        child.wait()
    });
    match ended.await.unwrap_or_else(|error| Err(io::Error::other(error))) {
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    }
}
