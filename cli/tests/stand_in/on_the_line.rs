//! An application that also speaks on the line, and hands two imagined WebSockets on, by the standard library and one
//! function of the system.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixStream};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

mod body;

/// Everything that was said by the supervisor.
static HEARD: Mutex<String> = Mutex::new(String::new());

fn main() {
    let takes = std::env::var("NOVA_TAKEOVER").is_ok_and(|how| how == "line");
    let ends = listen_to_the_line();
    body::at_the_start();
    let mut from = String::from("nobody");
    if takes {
        let mut end = ends.recv().unwrap();
        end.write_all(b"here").unwrap();
        from.clear();
        end.read_to_string(&mut from).unwrap();
    }
    let descriptor = std::env::var("LISTEN_FDS_FIRST_FD").unwrap().parse().unwrap();
    let listener = unsafe { TcpListener::from_raw_fd(descriptor) };
    listener.set_nonblocking(false).unwrap();
    let name = std::env::var("NOTIFY_SOCKET").unwrap();
    let address = SocketAddr::from_abstract_name(name.strip_prefix('@').unwrap()).unwrap();
    UnixDatagram::unbound().unwrap().send_to_addr(b"READY=1", &address).unwrap();
    let build = std::env::var("NOVA_BUILD").unwrap();
    for connection in listener.incoming() {
        let mut connection = connection.unwrap();
        let mut request = [0; 512];
        let length = connection.read(&mut request).unwrap_or(0);
        let answer = if request[..length].starts_with(b"GET /heard") {
            HEARD.lock().unwrap().clone()
        } else {
            format!("build {build}, sockets from {from}, {}", body::TEXT)
        };
        let _ = write!(connection, "{} {answer}", std::process::id());
    }
}

/// Answers on the line, and returns the ends of handoffs that are to be taken.
fn listen_to_the_line() -> Receiver<UnixStream> {
    let (sender, ends) = channel();
    std::thread::spawn(move || {
        let mut text = String::new();
        let mut descriptors = Vec::new();
        loop {
            while let Some((line, rest)) = text.split_once('\n') {
                HEARD.lock().unwrap().push_str(&format!("{line}\n"));
                if line.contains("\"event\":\"take\"") {
                    sender.send(UnixStream::from(descriptors.remove(0))).unwrap();
                } else if line.contains("\"event\":\"give\"") {
                    let end = UnixStream::from(descriptors.remove(0));
                    std::thread::spawn(move || give(end));
                } else if line.contains("\"event\":\"changed\"") {
                    say(&views());
                }
                text = rest.to_owned();
            }
            let mut bytes = [0; 4096];
            let (length, descriptor) = receive(&mut bytes);
            if length == 0 {
                std::process::exit(0);
            }
            text.push_str(std::str::from_utf8(&bytes[..length]).unwrap());
            descriptors.extend(descriptor);
        }
    });
    ends
}

fn give(mut end: UnixStream) {
    end.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    if end.read(&mut [0; 16]).unwrap_or(0) == 0 {
        return say(r#"{"event":"kept","reason":"nobody came"}"#);
    }
    write!(end, "{}", std::process::id()).unwrap();
    say(r#"{"event":"moved","moved":2,"closed":[{"reason":"Chat does not travel","count":1}],"milliseconds":0.5}"#);
}

fn views() -> String {
    let text = std::fs::read_to_string("views/page.hbs").unwrap_or_default();
    match text.find("{{#") {
        Some(place) => format!(
            r#"{{"event":"views","error":"unclosed block","file":"views/page.hbs","line":1,"column":{}}}"#,
            place + 1
        ),
        None => r#"{"event":"views","error":null}"#.to_owned(),
    }
}

fn say(line: &str) {
    let mut end = std::fs::File::from(std::io::stdin().as_fd().try_clone_to_owned().unwrap());
    let _ = end.write_all(format!("{line}\n").as_bytes());
}

#[repr(C)]
struct Buffer {
    base: *mut u8,
    length: usize,
}

#[repr(C)]
struct Message {
    name: *mut u8,
    name_length: u32,
    buffers: *mut Buffer,
    buffer_count: usize,
    control: *mut u8,
    control_length: usize,
    flags: i32,
}

unsafe extern "C" {
    fn recvmsg(socket: i32, message: *mut Message, flags: i32) -> isize;
}

/// Reads from standard input, with a descriptor where one comes.
fn receive(bytes: &mut [u8]) -> (usize, Option<OwnedFd>) {
    // One header of two words and a descriptor, in words.
    let mut control = [0_u64; 4];
    let mut buffer = Buffer {
        base: bytes.as_mut_ptr(),
        length: bytes.len(),
    };
    let mut message = Message {
        name: std::ptr::null_mut(),
        name_length: 0,
        buffers: &raw mut buffer,
        buffer_count: 1,
        control: control.as_mut_ptr().cast(),
        control_length: size_of_val(&control),
        flags: 0,
    };
    let length = unsafe { recvmsg(0, &raw mut message, 0) };
    let descriptor = (message.control_length >= 20).then(|| {
        let number = control[2].to_ne_bytes();
        unsafe { OwnedFd::from_raw_fd(i32::from_ne_bytes(number[..4].try_into().unwrap())) }
    });
    (usize::try_from(length).unwrap_or(0), descriptor)
}
