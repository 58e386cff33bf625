//! An application that speaks the protocol with `nova` by the standard library alone.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::fd::FromRawFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

mod body;

fn main() {
    if std::env::var_os("NOVA_DESCRIBE").is_some() {
        println!("a line that is no route");
        println!(r#"{{"kind":"websocket","methods":["GET"],"path":"/chat","handler":"ws::chat::init","file":"src/routes.rs","line":3}}"#);
        return;
    }
    std::thread::spawn(|| {
        while std::io::stdin().read(&mut [0; 64]).is_ok_and(|length| length > 0) {}
        std::process::exit(0);
    });
    let descriptor = std::env::var("LISTEN_FDS_FIRST_FD").unwrap().parse().unwrap();
    let listener = unsafe { TcpListener::from_raw_fd(descriptor) };
    listener.set_nonblocking(false).unwrap();
    say_ready();
    for connection in listener.incoming() {
        let mut connection = connection.unwrap();
        let mut request = [0; 512];
        let length = connection.read(&mut request).unwrap_or(0);
        assert!(!request[..length].starts_with(b"GET /die"), "asked to die");
        let _ = write!(connection, "{} {}", std::process::id(), body::TEXT);
    }
}

fn say_ready() {
    let name = std::env::var("NOTIFY_SOCKET").unwrap();
    let address = SocketAddr::from_abstract_name(name.strip_prefix('@').unwrap()).unwrap();
    UnixDatagram::unbound().unwrap().send_to_addr(b"READY=1", &address).unwrap();
}
