//! SIGUSR2: the program as it is now on disk takes over, without a supervisor.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nova_tests::http::Connection;
use nova_tests::process::await_refusal;
use nova_tests::stream::uninterrupted;
use nova_tests::{PATIENCE, WebSocket};
use tempfile::TempDir;

use crate::kit::{ask, tell};

/// A service: its processes follow one another.
struct Service {
    directory: TempDir,
    first: Child,
    /// That of the one that serves.
    process: u32,
    address: SocketAddr,
    notify: UnixDatagram,
}

impl Service {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str| directory.path().join(name);
        fs::write(file("code"), "old").unwrap();
        let notify = UnixDatagram::bind(file("notify")).unwrap();
        notify.set_read_timeout(Some(PATIENCE)).unwrap();
        let log = File::create(file("log")).unwrap();
        let first = Command::new(env!("CARGO_BIN_EXE_movable"))
            .current_dir(directory.path())
            .env("NOVA_ENV", "test")
            .env("NOVA_LOG_LEVEL", "info,nova::handoff=debug")
            .env("NOVA_SERVER_PORT", "0")
            .env("NOVA_TEST_CODE", file("code"))
            .env("NOTIFY_SOCKET", file("notify"))
            .env_remove("NOVA_SUPERVISED")
            .env_remove("LISTEN_FDS")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut service = Self {
            process: first.id(),
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            directory,
            first,
            notify,
        };
        assert_eq!(service.notice(), "READY=1");
        let said = service.await_log("listening on http://");
        let (_, address) = said.split_once("://").unwrap();
        service.address = address.trim().parse().unwrap();
        service
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn notice(&self) -> String {
        let mut notice = [0; 256];
        let length = uninterrupted(|| self.notify.recv(&mut notice))
            .unwrap_or_else(|error| panic!("nothing is said: {error}: {}", self.log()));
        String::from_utf8(notice[..length].to_vec()).unwrap()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.file("log")).unwrap()
    }

    /// Waits for a line that contains this.
    fn await_log(&self, text: &str) -> String {
        self.await_log_again(text, 1)
    }

    /// Waits for so many lines that contain this, and gives the last of them.
    fn await_log_again(&self, text: &str, times: usize) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let log = self.log();
            if let Some(line) = log
                .split_inclusive('\n')
                .filter(|line| line.contains(text) && line.ends_with('\n'))
                .nth(times - 1)
            {
                return line.to_owned();
            }
            assert!(Instant::now() < deadline, "{text:?} is not in {log}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn signal(&self, name: &str) {
        signal(self.process, name);
    }

    /// Orders an upgrade to this code.
    fn order(&self, code: &str) {
        fs::write(self.file("code"), code).unwrap();
        self.signal("USR2");
    }

    /// What a service manager hears of an upgrade that succeeds, from both in any order: the number of the new process, and
    /// that there is one.
    fn upgrade(&mut self, code: &str) {
        self.order(code);
        self.await_upgrade();
    }

    fn await_upgrade(&mut self) {
        let notices = [self.notice(), self.notice()];
        let mut main = None;
        for notice in &notices {
            match notice.strip_prefix("MAINPID=") {
                Some(rest) => main = rest.strip_suffix("\nREADY=1").map(|number| number.parse().unwrap()),
                None => assert_eq!(notice, "READY=1"),
            }
        }
        let before = std::mem::replace(&mut self.process, main.unwrap_or_else(|| panic!("{notices:?}")));
        assert_ne!(before, self.process);
    }

    fn open(&self, target: &str) -> WebSocket {
        WebSocket::upgraded(Connection::open(self.address), target, &[], [])
    }

    fn get(&self, target: &str) -> String {
        Connection::open(self.address)
            .request("GET", target, &[], "")
            .text()
            .to_owned()
    }

    /// The processes that run of those that it has started.
    fn children(&self) -> usize {
        let threads = fs::read_dir(format!("/proc/{}/task", self.process)).unwrap();
        let children = threads.map(|thread| fs::read_to_string(thread.unwrap().path().join("children")));
        children
            .map(|children| children.unwrap_or_default().split_whitespace().count())
            .sum()
    }

    /// Ends it as a service manager does.
    fn end(&mut self) {
        self.signal("TERM");
        loop {
            match &*self.notice() {
                "STOPPING=1" => break,
                other => assert_eq!(other, "READY=1"),
            }
        }
        await_refusal(self.address);
    }
}

fn signal(process: u32, name: &str) {
    let mut kill = Command::new("kill");
    let status = kill
        .arg(format!("-{name}"))
        .arg(process.to_string())
        .stderr(Stdio::null())
        .status();
    assert!(status.is_ok());
}

impl Drop for Service {
    fn drop(&mut self) {
        if self.process != self.first.id() {
            signal(self.process, "KILL");
        }
        let _ = self.first.kill();
        let _ = self.first.wait();
    }
}

#[test]
fn sigusr2_moves_everything_to_the_program_on_disk() {
    let mut service = Service::start();
    let mut socket = service.open("/actor");
    let mut member = service.open("/actor");
    tell(&mut member, "forward room");
    assert_eq!(ask(&mut socket, "a"), "old 1 a");
    service.upgrade("new");
    assert_eq!(ask(&mut socket, "b"), "new 2 b");
    assert_eq!(service.get("/code"), "new");
    tell(&mut socket, "say room hello");
    assert_eq!(member.receive_text(), "hello");
    // The old process ends, with success and without a word to the service manager.
    assert!(service.first.wait().unwrap().success());
    service.end();
}

#[test]
fn a_thousand_sockets_move_five_times_in_a_row() {
    let mut service = Service::start();
    let mut sockets: Vec<_> = (0..1000).map(|_| service.open("/actor")).collect();
    for socket in &mut sockets {
        socket.text("join room");
    }
    for socket in &mut sockets {
        assert_eq!(socket.receive_text(), "done");
    }
    for round in 1..=5 {
        service.upgrade("new");
        for socket in &mut sockets {
            socket.text("here?");
        }
        for socket in &mut sockets {
            assert_eq!(socket.receive_text(), format!("new {} here?", round + 1));
        }
    }
    assert_eq!(service.get("/members/room"), "1000");
    service.end();
}

#[test]
fn an_upgrade_that_fails_leaves_everything_as_it_was() {
    let mut service = Service::start();
    let mut socket = service.open("/actor");
    for seen in 1..=2 {
        service.order("panics");
        service.await_log_again("the upgrade has failed, and this process goes on", seen);
        assert_eq!(ask(&mut socket, "a"), format!("old {seen} a"));
        assert_eq!(service.get("/code"), "old");
    }
    service.upgrade("new");
    assert_eq!(ask(&mut socket, "a"), "new 3 a");
    service.end();
}

#[test]
fn an_upgrade_that_hangs_is_replaced_by_a_newer_one_and_its_process_is_ended() {
    let mut service = Service::start();
    let mut socket = service.open("/actor");
    service.order("hangs");
    service.await_log("has started as process");
    assert_eq!(service.children(), 1);
    // It has read what was on disk when it was started.
    service.await_log("it hangs");
    let old = service.process;
    service.upgrade("new");
    service.await_log("has not begun, and is given up");
    assert_eq!(ask(&mut socket, "a"), "new 1 a");
    // It waits for what it has started.
    assert!(service.first.wait().unwrap().success());
    assert_ne!(service.process, old);
    service.end();
}

#[test]
fn sigterm_to_one_whose_upgrade_hangs_ends_both() {
    let service = Service::start();
    service.order("hangs");
    service.await_log("has started as process");
    let line = service.await_log("has started as process");
    let (_, number) = line.trim().rsplit_once(' ').unwrap();
    service.signal("TERM");
    assert_eq!(service.notice(), "STOPPING=1");
    let deadline = Instant::now() + PATIENCE;
    while fs::read_to_string(format!("/proc/{number}/stat")).is_ok_and(|stat| !stat.contains(") Z ")) {
        assert!(Instant::now() < deadline, "it goes on");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn two_upgrades_at_once_are_one() {
    let mut service = Service::start();
    let mut socket = service.open("/actor");
    service.order("new");
    service.signal("USR2");
    service.signal("USR2");
    service.await_upgrade();
    assert!(["new 1 a", "new 2 a"].contains(&&*ask(&mut socket, "a")));
    assert_eq!(service.get("/code"), "new");
    service.end();
}
