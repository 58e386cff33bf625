//! The socket on which a started process says how far it is (`NOTIFY_SOCKET`).

use std::ffi::OsString;
use std::io;

use tokio::net::UnixDatagram;

/// Longer than anything that is said here; what a datagram has beyond it is cut off and not missed.
const DATAGRAM: usize = 1024;

/// What a process says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// It accepts connections.
    Ready,
    /// It accepts no more.
    Stopping,
}

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

    /// The next word. Nothing is lost when this is dropped.
    pub(super) async fn next(&self) -> Word {
        let mut datagram = [0; DATAGRAM];
        loop {
            match self.socket.recv(&mut datagram).await {
                Ok(length) => {
                    if let Some(word) = word(&datagram[..length]) {
                        return word;
                    }
                }
                // A socket that can't be read says nothing more; the deadlines are the way on.
                Err(_) => std::future::pending().await,
            }
        }
    }
}

/// The word in a datagram, which may have other lines: `STATUS=…` is news to nobody here.
fn word(datagram: &[u8]) -> Option<Word> {
    datagram.split(|byte| *byte == b'\n').find_map(|line| match line {
        b"READY=1" => Some(Word::Ready),
        b"STOPPING=1" => Some(Word::Stopping),
        _ => None,
    })
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
mod tests {
    use super::*;

    #[test]
    fn a_word_is_one_line_among_others() {
        assert_eq!(word(b"READY=1"), Some(Word::Ready));
        assert_eq!(word(b"STATUS=up\nREADY=1\n"), Some(Word::Ready));
        assert_eq!(word(b"STOPPING=1"), Some(Word::Stopping));
        assert_eq!(word(b"XREADY=1"), None);
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
        assert_eq!(readiness.next().await, Word::Ready);
    }
}
