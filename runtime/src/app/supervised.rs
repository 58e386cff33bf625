//! What passes between the application and whoever started it: see `docs/protocol.md`.

use std::io::Read as _;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::error::{Error, Result};
use crate::lifecycle::Lifecycle;

/// What the application is asked to describe, where it is to do nothing else.
pub(super) fn describes() -> Option<String> {
    std::env::var("NOVA_DESCRIBE").ok().filter(|what| !what.is_empty())
}

/// Whether standard input is held open by a supervisor.
pub(super) fn is_supervised() -> bool {
    std::env::var("NOVA_SUPERVISED").is_ok_and(|how| how == "stdin")
}

/// The listening socket that the process was started with.
pub(super) fn inherited_listener() -> Result<Option<TcpListener>> {
    let inherited = listenfd::ListenFd::from_env().take_tcp_listener(0);
    let Some(listener) = inherited.map_err(|error| Error::new(format!("LISTEN_FDS names no TCP socket: {error}")))?
    else {
        return Ok(None);
    };
    listener.set_nonblocking(true)?;
    Ok(Some(TcpListener::from_std(listener)?))
}

/// Tells the supervisor how the application stands, where it wants to know (`sd_notify(3)`). That it can't be told is no
/// reason not to serve.
#[cfg(unix)]
pub(super) fn notify(state: &str) {
    use std::os::unix::net::UnixDatagram;

    let Ok(address) = std::env::var("NOTIFY_SOCKET") else {
        return;
    };
    let send = || -> std::io::Result<()> {
        let socket = UnixDatagram::unbound()?;
        match address.strip_prefix('@') {
            #[cfg(target_os = "linux")]
            Some(name) => {
                use std::os::linux::net::SocketAddrExt as _;
                let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
                socket.send_to_addr(state.as_bytes(), &address)?;
            }
            _ => {
                socket.send_to(state.as_bytes(), &address)?;
            }
        }
        Ok(())
    };
    if let Err(error) = send() {
        tracing::warn!("can't tell NOTIFY_SOCKET {state}: {error}");
    }
}

#[cfg(not(unix))]
pub(super) fn notify(_state: &str) {}

/// Hears the signals from now on: it is told of the first, and the second ends the process.
pub(super) fn first_signal() -> Result<oneshot::Receiver<()>> {
    let mut signals = Signals::new()?;
    let (first, is_told) = oneshot::channel();
    tokio::spawn(async move {
        signals.next().await;
        // Nobody hears it where the application has ended already.
        let _ = first.send(());
        signals.next().await;
        std::process::exit(1);
    });
    Ok(is_told)
}

/// Begins the end at the first signal, when it has been announced for as long as it is to be.
pub(super) fn end_with_signal(first: oneshot::Receiver<()>, lifecycle: Lifecycle, delay: Duration) {
    tokio::spawn(async move {
        if first.await.is_ok() {
            lifecycle.leave(delay).await;
            lifecycle.drain();
        }
    });
}

/// Begins the end when the supervisor is gone. A thread, since reading standard input can't be waited for otherwise; it
/// ends with the process.
pub(super) fn end_with_supervisor(lifecycle: Lifecycle) {
    if !is_supervised() {
        return;
    }
    std::thread::spawn(move || {
        let mut scratch = [0; 256];
        while matches!(std::io::stdin().read(&mut scratch), Ok(read) if read > 0) {}
        lifecycle.drain();
    });
}

/// What orders the end.
#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        // Without a signal there is nothing to end for.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
