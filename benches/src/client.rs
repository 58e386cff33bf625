//! Many WebSocket clients at once, as plain sockets that the server has accepted.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketType, bind, connect, socket};

use crate::Result;
use crate::messages::Messages;

/// How many handshakes are under way at a time: less than a listener's backlog.
const BATCH: usize = 128;
/// How many connections have one source address: an address has some 28,000 ports to connect from.
const PER_ADDRESS: usize = 8000;
/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many times connections were opened.
static OPENED: AtomicU8 = AtomicU8::new(0);
const ANSWER: &[u8] = b"HTTP/1.1 101 ";
const ACCEPTED: &[u8] = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
/// A masked ping without a payload, and its answer (RFC 6455 §5.5.2).
const PING: [u8; 6] = [0x89, 0x80, 0, 0, 0, 0];
const PONG: [u8; 2] = [0x8A, 0];

/// Opens connections on a path, and gives them when each has its 101.
///
/// # Errors
/// When a connection is refused, or its answer is no acceptance.
pub fn open(server: SocketAddr, path: &str, count: usize) -> Result<Vec<TcpStream>> {
    let request = upgrade(server, path);
    // Addresses that nobody had lately: to find a port between those that are still closing takes long.
    let [process, ..] = std::process::id().to_le_bytes();
    let network = [process.max(1), OPENED.fetch_add(1, Ordering::Relaxed)];
    let mut clients = Vec::with_capacity(count);
    while clients.len() < count {
        let first = clients.len();
        for number in first..count.min(first + BATCH) {
            let mut client = connect_from(network, number / PER_ADDRESS, server)?;
            client.set_nodelay(true)?;
            client.write_all(request.as_bytes())?;
            clients.push(client);
        }
        for client in &mut clients[first..] {
            expect_acceptance(client)?;
        }
    }
    Ok(clients)
}

/// A request for an upgrade.
pub fn upgrade(server: SocketAddr, path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nhost: {server}\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

/// Connects from an address that is not that of the connection before, and leaves the rest to the caller.
///
/// # Errors
/// When the server does not accept.
pub fn dial(server: SocketAddr) -> Result<TcpStream> {
    let [process, ..] = std::process::id().to_le_bytes();
    let host = OPENED.fetch_add(1, Ordering::Relaxed) % 128;
    let client = connect_from([process.max(1), u8::MAX], host.into(), server)?;
    client.set_nodelay(true)?;
    Ok(client)
}

/// Connects from one of the loopback's addresses.
fn connect_from(network: [u8; 2], host: usize, server: SocketAddr) -> Result<TcpStream> {
    let [a, b] = network;
    let source = Ipv4Addr::new(127, a, b, u8::try_from(host + 2)?);
    let descriptor = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    // Before it connects: a connection that the kernel drops would be waited for for minutes.
    for direction in [Timeout::Recv, Timeout::Send] {
        set_socket_timeout(&descriptor, direction, Some(PATIENCE))?;
    }
    bind(&descriptor, &SocketAddrV4::new(source, 0))?;
    connect(&descriptor, &server).map_err(|error| explain(error.into()))?;
    Ok(TcpStream::from(descriptor))
}

/// Sends a ping, and reads its pong.
///
/// # Errors
/// When none comes, or something else does.
pub fn ping(client: &mut TcpStream) -> Result<()> {
    client.write_all(&PING)?;
    let mut pong = [0; 2];
    client.read_exact(&mut pong).map_err(explain)?;
    if pong == PONG {
        Ok(())
    } else {
        Err("a ping was not answered".into())
    }
}

/// Reads the first message of the ring, whole and unchanged.
///
/// # Errors
/// When none comes, or something else does.
pub fn expect(client: &mut TcpStream, messages: &Messages) -> Result<()> {
    let mut echo = vec![0; messages.echo_size()];
    client.read_exact(&mut echo).map_err(explain)?;
    if messages.is_echo(0, &echo) {
        Ok(())
    } else {
        Err("what came is not what was sent".into())
    }
}

/// Reads an answer to its end and no further: what a server sends after it is a frame.
fn expect_acceptance(client: &mut TcpStream) -> Result<()> {
    let mut answer = [0; 1024];
    let mut length = 0;
    while !answer[..length].ends_with(b"\r\n\r\n") {
        let read = client.read(&mut answer[length..]).map_err(explain)?;
        if read == 0 {
            return Err(format!("no acceptance: {:?}", String::from_utf8_lossy(&answer[..length])).into());
        }
        length += read;
    }
    let answer = &answer[..length];
    let is_accepted = answer.starts_with(ANSWER) && answer.windows(ACCEPTED.len()).any(|part| part == ACCEPTED);
    if is_accepted {
        Ok(())
    } else {
        Err(format!("no acceptance: {:?}", String::from_utf8_lossy(answer)).into())
    }
}

/// Says in words that a wait was over.
fn explain(error: io::Error) -> io::Error {
    let in_progress = error.raw_os_error() == Some(Errno::INPROGRESS.raw_os_error());
    if in_progress || error.kind() == io::ErrorKind::WouldBlock {
        io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {PATIENCE:?}"))
    } else {
        error
    }
}
