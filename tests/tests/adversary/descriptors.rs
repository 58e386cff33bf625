//! A process without descriptors.

use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use nova_tests::http::Connection;

use crate::kit::{get, stronghold_by};

#[test]
fn without_descriptors_what_is_open_goes_on_and_the_log_says_so_seldom() {
    let mut command = Command::new("sh");
    let program = env!("CARGO_BIN_EXE_stronghold");
    command.args(["-c", "ulimit -n 40; exec \"$0\"", program]);
    let (process, _directory) = stronghold_by(command, &[("NOVA_SERVER_HEADER_TIMEOUT", "60")]);
    let address = process.address();
    let mut open = Connection::open(address);
    assert_eq!(open.request("GET", "/", &[], "").text(), "here");
    let crowd: Vec<_> = (0..60).map(|_| TcpStream::connect(address).unwrap()).collect();
    let line = process.lines().await_note("can't accept connections");
    assert!(line.contains("WARN") && line.contains("go on"), "{line}");
    for _ in 0..10 {
        assert_eq!(open.request("GET", "/", &[], "").text(), "here");
        std::thread::sleep(Duration::from_millis(100));
    }
    // It was tried some twenty times meanwhile.
    let more = process.lines().take();
    let said = more.iter().filter(|line| line.contains("can't accept")).count();
    assert!(said <= 1, "{more:?}");
    drop(crowd);
    assert_eq!(get(address, "/").text(), "here");
    assert_eq!(open.request("GET", "/", &[], "").text(), "here");
}
