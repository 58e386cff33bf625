//! The listening socket: bound once, kept as long as the command runs, lent to every process that is started.

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs as _};
use std::os::fd::{AsRawFd as _, OwnedFd};

use super::port_holder;
use crate::error::{Error, Result};
use crate::settings::Settings;

/// The socket that connections arrive at. Nobody accepts here: while no process runs, the system lets them wait.
#[derive(Debug)]
pub(super) struct Listener {
    socket: TcpListener,
    address: SocketAddr,
}

impl Listener {
    /// Binds what the settings say.
    pub(super) fn bind(settings: &Settings) -> Result<Self> {
        let Settings { host, port, .. } = settings;
        let name = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        let addresses: Vec<SocketAddr> = (name, *port)
            .to_socket_addrs()
            .map_err(|error| {
                Error::failed(format!("can't listen on {host}: {error}")).help("nova serve --host 127.0.0.1")
            })?
            .collect();
        let socket = TcpListener::bind(addresses.as_slice()).map_err(|error| refused(settings, &error))?;
        let address = socket.local_addr().map_err(|error| refused(settings, &error))?;
        Ok(Self { socket, address })
    }

    /// Where it listens; the port is the real one also where 0 was asked for.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// A descriptor of the socket that the next process started inherits. To be dropped right after that: until then
    /// every other child, a compiler too, would inherit it as well, and keep the port when all others have gone.
    pub(super) fn lend(&self) -> io::Result<Loan> {
        // The standard library's clone would close itself on exec.
        rustix::io::dup(&self.socket).map(Loan).map_err(io::Error::from)
    }
}

/// An inheritable duplicate of the listening socket.
#[derive(Debug)]
pub(super) struct Loan(OwnedFd);

impl Loan {
    /// The value of `LISTEN_FDS_FIRST_FD`.
    pub(super) fn number(&self) -> String {
        self.0.as_raw_fd().to_string()
    }
}

fn refused(settings: &Settings, error: &io::Error) -> Error {
    let Settings { host, port, .. } = settings;
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            let busy = Error::failed(format!("port {port} is in use"));
            let busy = match port_holder::find(*port) {
                Some(holder) => busy.detail(format!("{} (process {}) listens on it", holder.name, holder.pid)),
                None => busy,
            };
            busy.help(format!("nova serve --port {}", neighbour(*port)))
        }
        io::ErrorKind::PermissionDenied => Error::failed(format!("port {port} may not be used: {error}"))
            .detail("ports below 1024 are the administrator's")
            .help("nova serve --port 8080"),
        _ => Error::failed(format!("can't listen on {host}, port {port}: {error}")).help("nova serve --host 127.0.0.1"),
    }
}

fn neighbour(port: u16) -> u16 {
    port.checked_add(1).unwrap_or(8080)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(port: u16) -> Settings {
        Settings {
            host: "127.0.0.1".to_owned(),
            port,
            tls: false,
        }
    }

    #[test]
    fn a_busy_port_is_told_with_its_holder() {
        let first = Listener::bind(&settings(0)).unwrap();
        let port = first.address().port();
        let error = Listener::bind(&settings(port)).unwrap_err();
        assert_eq!(error.message(), format!("port {port} is in use"));
        assert_eq!(
            error.help_text(),
            Some(format!("nova serve --port {}", neighbour(port)).as_str())
        );
        if cfg!(target_os = "linux") {
            let detail = error.details().first().unwrap();
            assert!(
                detail.contains(&format!("(process {})", std::process::id())),
                "{detail}"
            );
        }
    }

    #[test]
    fn a_loan_is_inherited_and_the_listener_is_not() {
        let listener = Listener::bind(&settings(0)).unwrap();
        let loan = listener.lend().unwrap();
        let closes_on_exec = |fd: std::os::fd::BorrowedFd<'_>| {
            rustix::io::fcntl_getfd(fd)
                .unwrap()
                .contains(rustix::io::FdFlags::CLOEXEC)
        };
        assert!(closes_on_exec(std::os::fd::AsFd::as_fd(&listener.socket)));
        assert!(!closes_on_exec(std::os::fd::AsFd::as_fd(&loan.0)));
    }

    #[test]
    fn an_address_of_version_6_may_have_brackets() {
        let host = "[::1]".to_owned();
        match Listener::bind(&Settings { host, ..settings(0) }) {
            Ok(listener) => assert!(listener.address().is_ipv6()),
            // A machine without it.
            Err(error) => assert!(
                error.message().starts_with("can't listen on [::1]"),
                "{}",
                error.message()
            ),
        }
    }
}
