//! What Linux holds of a connection.

use std::fs;
use std::net::{IpAddr, SocketAddr};

/// The bytes that wait at one end of a TCP connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queues {
    /// Written there, and not yet acknowledged by the other end.
    pub send: usize,
    /// Come there, and not yet read.
    pub receive: usize,
}

/// What waits at the end of a connection whose own address is the first.
pub fn queues(own: SocketAddr, other: SocketAddr) -> Queues {
    let ends = [in_hexadecimal(own), in_hexadecimal(other)];
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    let queues = table.lines().find_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let is_it = ends.iter().all(|end| fields.next() == Some(end));
        let (send, receive) = fields.nth(1).filter(|_| is_it)?.split_once(':')?;
        let number = |text| usize::from_str_radix(text, 16).unwrap();
        Some(Queues {
            send: number(send),
            receive: number(receive),
        })
    });
    queues.unwrap_or_else(|| panic!("there is no connection of {own} with {other}"))
}

/// An address as the table has it: in the order of the machine's bytes.
fn in_hexadecimal(address: SocketAddr) -> String {
    let IpAddr::V4(ip) = address.ip() else {
        panic!("{address} is in another table");
    };
    format!("{:08X}:{:04X}", u32::from_ne_bytes(ip.octets()), address.port())
}
