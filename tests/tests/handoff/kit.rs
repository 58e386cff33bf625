//! A supervisor: it binds the listener, starts processes, and orders them to give and to take.

use std::fs;
use std::io::{BufRead as _, BufReader, IoSlice};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use nova_tests::http::{Connection, Response};
use nova_tests::stream::uninterrupted;
use nova_tests::{Journal, PATIENCE, Process, WebSocket};
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use serde::Deserialize;
use serde_json::json;
use tempfile::TempDir;

/// The one place where processes are served, one after another.
pub(crate) struct Stage {
    listener: TcpListener,
    pub(crate) directory: TempDir,
    started: AtomicUsize,
    variables: Vec<(&'static str, String)>,
    /// What is between the shell and the program, as `sh -c`.
    before: Option<&'static str>,
}

/// A process that is supervised.
pub(crate) struct Application {
    pub(crate) process: Process,
    line: Option<UnixStream>,
    said: Journal,
    notify: UnixDatagram,
}

/// What an application says of a move.
#[expect(clippy::struct_field_names, reason = "the protocol's names")]
#[derive(Debug, Deserialize, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) moved: usize,
    pub(crate) closed: Vec<Closed>,
    milliseconds: u64,
}

#[derive(Debug, Deserialize, PartialEq, Eq)]
pub(crate) struct Closed {
    pub(crate) reason: String,
    pub(crate) count: usize,
}

/// A descriptor that is to be inherited is inherited by every process that is started meanwhile.
static STARTING: Mutex<()> = Mutex::new(());

impl Stage {
    pub(crate) fn new() -> Self {
        Self {
            listener: TcpListener::bind("127.0.0.1:0").unwrap(),
            directory: tempfile::tempdir().unwrap(),
            started: AtomicUsize::new(0),
            variables: vec![
                ("NOVA_ENV", "test".to_owned()),
                ("NOVA_LOG_LEVEL", "info,nova::handoff=debug".to_owned()),
            ],
            before: None,
        }
    }

    /// Sets a variable for the processes that are started from now on.
    pub(crate) fn variable(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.to_owned()));
        self
    }

    /// Has a shell do this before it becomes the program.
    pub(crate) fn before(&mut self, command: Option<&'static str>) {
        self.before = command;
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    /// An application that serves.
    pub(crate) fn old(&self) -> Application {
        let old = self.start("old", false);
        old.await_ready();
        old
    }

    /// An application that waits for the order to take over.
    pub(crate) fn taker(&self, code: &str) -> Application {
        self.start(code, true)
    }

    fn start(&self, code: &str, takes_over: bool) -> Application {
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        let file = |name: &str| self.directory.path().join(format!("{name}-{number}"));
        fs::write(file("code"), code).unwrap();
        let notify = UnixDatagram::bind(file("notify")).unwrap();
        notify.set_read_timeout(Some(PATIENCE)).unwrap();
        let (line, its) = UnixStream::pair().unwrap();
        let said = Journal::new();
        let (reader, note) = (line.try_clone().unwrap(), said.clone());
        std::thread::spawn(move || {
            for line in BufReader::new(reader).lines() {
                // One that was killed may have left a reset.
                note.note(line.unwrap_or_default());
            }
            note.note("the end");
        });
        let mut command = match self.before {
            None => Command::new(env!("CARGO_BIN_EXE_movable")),
            Some(before) => {
                let mut shell = Command::new("sh");
                let program = env!("CARGO_BIN_EXE_movable");
                shell.arg("-c").arg(format!("{before} && exec {program}"));
                shell
            }
        };
        command
            .current_dir(self.directory.path())
            .envs(self.variables.iter().map(|(name, value)| (*name, value.as_str())))
            .env("NOVA_TEST_CODE", file("code"))
            .env("NOTIFY_SOCKET", file("notify"))
            .env("NOVA_SUPERVISED", "stdin");
        if takes_over {
            command.env("NOVA_TAKEOVER", "line");
        }
        let process = self.start_with_listener(&mut command, OwnedFd::from(its));
        Application {
            process,
            line: Some(line),
            said,
            notify,
        }
    }

    fn start_with_listener(&self, command: &mut Command, stdin: OwnedFd) -> Process {
        let _starting = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
        let listener = self.listener.try_clone().unwrap();
        fcntl_setfd(&listener, FdFlags::empty()).unwrap();
        command
            .env("LISTEN_FDS", "1")
            .env("LISTEN_FDS_FIRST_FD", listener.as_raw_fd().to_string());
        Process::start_on(command, stdin)
    }

    /// Starts the new code and has everything moved to it.
    pub(crate) fn replace(&self, old: &mut Application) -> (Application, Moved) {
        let mut new = self.taker("new");
        order(old, &mut new);
        new.await_ready();
        let moved = old.moved();
        (new, moved)
    }

    /// Has everything moved, and nothing left behind.
    pub(crate) fn replace_all(&self, old: &mut Application) -> Application {
        let (new, moved) = self.replace(old);
        assert_eq!(moved.closed, [], "{:#?}", old.process.lines().take());
        new
    }

    /// The same where callbacks are busy with `go`: they are let go when everything is to stop.
    pub(crate) fn replace_all_busy(&self, old: &mut Application) -> Application {
        let mut new = self.taker("new");
        order(old, &mut new);
        old.await_hold();
        self.let_go("go");
        new.await_ready();
        assert_eq!(old.moved().closed, [], "{:#?}", old.process.lines().take());
        new
    }

    /// Lets go whatever waits for this.
    pub(crate) fn let_go(&self, name: &str) {
        fs::write(self.directory.path().join(name), "").unwrap();
    }

    pub(crate) fn connect(&self) -> Connection {
        Connection::open(self.address())
    }

    pub(crate) fn get(&self, target: &str) -> Response {
        self.connect().request("GET", target, &[], "")
    }

    /// A WebSocket on a route.
    pub(crate) fn open(&self, target: &str) -> WebSocket {
        self.open_with(target, &[])
    }

    pub(crate) fn open_with(&self, target: &str, headers: &[(&str, &str)]) -> WebSocket {
        WebSocket::upgraded(self.connect(), target, headers, [])
    }
}

/// Orders one to give to the other.
pub(crate) fn order(old: &mut Application, new: &mut Application) {
    let (giving, taking) = UnixStream::pair().unwrap();
    new.take(&taking);
    old.give(&giving);
}

/// Says something, and waits for the answer.
pub(crate) fn ask(socket: &mut WebSocket, text: &str) -> String {
    socket.text(text);
    socket.receive_text()
}

/// Has something done.
pub(crate) fn tell(socket: &mut WebSocket, text: &str) {
    assert_eq!(ask(socket, text), "done");
}

impl Application {
    /// Waits until it says that it accepts.
    pub(crate) fn await_ready(&self) {
        assert_eq!(self.notice(), "READY=1", "{:#?}", self.process.lines().take());
    }

    /// What it says of itself next.
    pub(crate) fn notice(&self) -> String {
        let mut notice = [0; 256];
        let length = uninterrupted(|| self.notify.recv(&mut notice))
            .unwrap_or_else(|error| panic!("nothing is said: {error}: {:#?}", self.process.lines().take()));
        String::from_utf8(notice[..length].to_vec()).unwrap()
    }

    /// Waits until it holds everything, and has asked every connection to stop.
    pub(crate) fn await_hold(&self) {
        self.process.lines().await_note("handing over");
    }

    /// Waits until a callback of its handlers is busy.
    pub(crate) fn await_busy(&self) {
        self.process.lines().await_note("it is busy");
    }

    /// Waits until it is given one that holds up the move.
    pub(crate) fn await_held_up(&self) {
        self.process.lines().await_note("a move is held up");
    }

    /// Says something on its line, with a descriptor.
    pub(crate) fn say(&self, event: &str, descriptor: &UnixStream) {
        let line = format!("{}\n", json!({ "event": event }));
        send(self.line.as_ref().unwrap(), line.as_bytes(), descriptor);
    }

    pub(crate) fn give(&self, socket: &UnixStream) {
        self.say("give", socket);
    }

    pub(crate) fn take(&self, socket: &UnixStream) {
        self.say("take", socket);
    }

    /// The other end of a socket that it is ordered to give over.
    pub(crate) fn giving(&self) -> UnixStream {
        let (mine, its) = UnixStream::pair().unwrap();
        mine.set_read_timeout(Some(PATIENCE)).unwrap();
        self.give(&its);
        mine
    }

    /// The other end of a socket that it is ordered to take over.
    pub(crate) fn taking(&self) -> UnixStream {
        let (mine, its) = UnixStream::pair().unwrap();
        mine.set_read_timeout(Some(PATIENCE)).unwrap();
        self.take(&its);
        mine
    }

    /// It has not said that it accepts.
    pub(crate) fn expect_nothing_said(&self) {
        self.notify.set_nonblocking(true).unwrap();
        let mut notice = [0; 256];
        assert!(self.notify.recv(&mut notice).is_err(), "it has said that it is ready");
    }

    /// What it says on its line next.
    pub(crate) fn said(&self) -> serde_json::Value {
        let line = self.said.next();
        serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("{error}: {line:?}: {:#?}", self.process.lines().take()))
    }

    /// Waits until it says that it has given.
    pub(crate) fn moved(&self) -> Moved {
        let said = self.said();
        assert_eq!(said["event"], "moved", "{said} {:#?}", self.process.lines().take());
        serde_json::from_value(said).unwrap()
    }

    /// Waits until it says that it has kept everything, and gives the reason.
    pub(crate) fn kept(&self) -> String {
        let said = self.said();
        assert_eq!(said["event"], "kept", "{said}");
        said["reason"].as_str().unwrap().to_owned()
    }

    /// Ends the supervision.
    pub(crate) fn close_line(&mut self) {
        let line = self.line.take().unwrap();
        line.shutdown(std::net::Shutdown::Both).unwrap();
    }

    /// Waits for its end, without a line that contains this.
    pub(crate) fn end_without(mut self, text: &str) {
        assert_eq!(self.process.end().code(), Some(0));
        let lines = self.process.lines().take();
        assert!(!lines.iter().any(|line| line.contains(text)), "{lines:#?}");
    }

    /// Waits for its end, with success, and gives the callbacks that were noted and not read.
    pub(crate) fn calls(mut self) -> Vec<String> {
        assert_eq!(self.process.end().code(), Some(0));
        let mut lines = self.process.lines().take();
        lines.retain(|line| line.contains(" in "));
        lines
    }

    /// Waits for its end, with success.
    pub(crate) fn end(mut self) {
        assert_eq!(self.process.end().code(), Some(0), "{:#?}", self.process.lines().take());
    }
}

/// Sends bytes with a descriptor beside them.
pub(crate) fn send(socket: impl AsFd, bytes: &[u8], descriptor: &UnixStream) {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let descriptors = [descriptor.as_fd()];
    assert!(control.push(SendAncillaryMessage::ScmRights(&descriptors)));
    let sent = sendmsg(socket, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL).unwrap();
    assert_eq!(sent, bytes.len());
}
