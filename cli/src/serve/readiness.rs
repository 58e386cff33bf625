//! The socket on which a started process says that it accepts connections (`NOTIFY_SOCKET`).

use std::ffi::OsString;
use std::io;

use tokio::net::UnixDatagram;

/// Longer than anything that is said here; what a datagram has beyond it is cut off and not missed.
const DATAGRAM: usize = 1024;

/// One socket for each process, so that what is heard needs no sender.
#[derive(Debug)]
pub(super) struct Readiness {
    socket: UnixDatagram,
    address: Address,
}

impl Readiness {
    /// Binds a socket. `unique` tells it from the other ones of this process.
    pub(super) fn bind(unique: u64) -> io::Result<Self> {
        let (socket, address) = Address::bind(&format!("nova-serve-{}-{unique}", std::process::id()))?;
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket: UnixDatagram::from_std(socket)?,
            address,
        })
    }

    /// The value of `NOTIFY_SOCKET`.
    pub(super) fn address(&self) -> OsString {
        self.address.variable()
    }

    /// Returns when `READY=1` was heard. Nothing is lost when it is dropped before.
    pub(super) async fn heard(&self) {
        let mut datagram = [0; DATAGRAM];
        loop {
            match self.socket.recv(&mut datagram).await {
                Ok(length) if says_ready(&datagram[..length]) => return,
                Ok(_) => {}
                // A socket that can't be read says nothing more; the deadline for the start is the way on.
                Err(_) => std::future::pending().await,
            }
        }
    }
}

/// Whether one of the datagram's lines is `READY=1`; the others (`STATUS=…`, `STOPPING=1`) are news to nobody here.
fn says_ready(datagram: &[u8]) -> bool {
    datagram.split(|byte| *byte == b'\n').any(|line| line == b"READY=1")
}

/// A name in the abstract namespace, which vanishes with the socket.
#[cfg(target_os = "linux")]
#[derive(Debug)]
struct Address(String);

#[cfg(target_os = "linux")]
impl Address {
    fn bind(name: &str) -> io::Result<(std::os::unix::net::UnixDatagram, Self)> {
        use std::os::linux::net::SocketAddrExt as _;
        use std::os::unix::net::{SocketAddr, UnixDatagram};

        let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(name)?)?;
        Ok((socket, Self(format!("@{name}"))))
    }

    fn variable(&self) -> OsString {
        OsString::from(&self.0)
    }
}

/// A file in the directory for temporary files, removed when dropped.
#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
struct Address(std::path::PathBuf);

#[cfg(not(target_os = "linux"))]
impl Address {
    fn bind(name: &str) -> io::Result<(std::os::unix::net::UnixDatagram, Self)> {
        let path = std::env::temp_dir().join(name);
        // Left by a process of the same number that was killed.
        let _ = std::fs::remove_file(&path);
        let socket = std::os::unix::net::UnixDatagram::bind(&path)?;
        Ok((socket, Self(path)))
    }

    fn variable(&self) -> OsString {
        self.0.clone().into_os_string()
    }
}

#[cfg(not(target_os = "linux"))]
impl Drop for Address {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn readiness_is_one_line_among_others() {
        assert!(says_ready(b"READY=1"));
        assert!(says_ready(b"STATUS=up\nREADY=1\n"));
        assert!(!says_ready(b"STOPPING=1"));
        assert!(!says_ready(b"XREADY=1"));
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn what_is_sent_to_the_address_is_heard() {
        use std::os::linux::net::SocketAddrExt as _;

        let readiness = Readiness::bind(u64::MAX).unwrap();
        let name = readiness.address().into_string().unwrap();
        let address = std::os::unix::net::SocketAddr::from_abstract_name(name.strip_prefix('@').unwrap()).unwrap();
        let sender = std::os::unix::net::UnixDatagram::unbound().unwrap();
        for line in ["STATUS=soon", "READY=1"] {
            sender.send_to_addr(line.as_bytes(), &address).unwrap();
        }
        readiness.heard().await;
    }
}
