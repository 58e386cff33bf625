//! TLS ended in the process: what is agreed on, what is refused, and certificates that change while it runs.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use nova::App;
use nova::prelude::*;
use nova_tests::http::Connection;
use nova_tests::stream::{Waiting, uninterrupted};
use nova_tests::tls::{CERTIFICATE, Certificate, Client, HTTP1, HTTP2, KEY, VERSIONS};
use nova_tests::websocket::{BINARY, CLOSE, TEXT, begun, closing, frame};
use nova_tests::{Over, PATIENCE, Process, Project, Received, Server, WebSocket};

use crate::puppet::Scene;
use crate::service::service;

struct Echo;

impl WebSocketHandler for Echo {
    async fn handle(&mut self, frame: Frame, _socket: &Socket) -> Commands {
        Commands::send(frame)
    }
}

fn server(toml: &str) -> Server {
    let project = Project::new().secure().file("nova.toml", toml);
    project.serve(|| {
        App::new(|| {
            let group = Group::new("/").ws("/ws", async || Echo).get("/", async || "here");
            let group = group.get("/secure", async |client: nova::Client| client.is_secure.to_string());
            Routes::new().group(group.post("/", async |body: String| body.len().to_string()))
        })
    })
}

fn open(client: &Client) -> WebSocket {
    WebSocket::upgraded(client.connect(), "/ws", &[], [])
}

/// The application as a process, with a certificate in its directory.
fn start(more: &[(&str, &str)]) -> (Process, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    Certificate::new().write(directory.path());
    let mut command = service(directory.path());
    command
        .env("NOVA_SERVER_TLS_CERTIFICATE", CERTIFICATE)
        .env("NOVA_SERVER_TLS_KEY", KEY)
        .envs(more.iter().copied());
    (Process::start(&mut command), directory)
}

fn client(process: &Process, directory: &Path) -> Client {
    Client::trusting(directory, process.address(), &[HTTP1])
}

#[test]
fn requests_are_answered_in_both_versions() {
    let server = server("");
    for version in VERSIONS {
        let directory = server.project().path();
        let client = Client::speaking(&[version], directory, server.address(), &[HTTP1]);
        let mut connection = client.connect();
        assert_eq!(connection.request("GET", "/", &[], "").text(), "here");
        assert_eq!(connection.request("GET", "/secure", &[], "").text(), "true");
        let body = "x".repeat(1_000_000);
        assert_eq!(connection.request("POST", "/", &[], &body).text(), "1000000");
        let mut socket = open(&client);
        socket.text(&body);
        assert_eq!(socket.receive_text(), body);
    }
}

#[test]
fn the_protocol_is_agreed_on_and_http2_is_preferred() {
    let server = server("");
    for (offered, agreed) in [
        (&[HTTP1, HTTP2][..], Some(HTTP2)),
        (&[HTTP1], Some(HTTP1)),
        (&[HTTP2], Some(HTTP2)),
        (&["acme-tls/1", HTTP1], Some(HTTP1)),
        (&[], None),
    ] {
        let client = Client::new(&server, offered);
        let (stream, protocol) = client.try_connect().unwrap();
        assert_eq!(protocol.as_deref(), agreed, "{offered:?}");
        let answer = match agreed {
            Some(HTTP2) => nova_tests::http2::Connection::over(stream).get("/"),
            _ => Connection::over(Waiting::new(stream)).request("GET", "/", &[], ""),
        };
        assert_eq!(answer.text(), "here", "{offered:?}");
    }
    assert!(Client::new(&server, &["gopher"]).try_connect().is_err());
}

#[test]
fn who_speaks_no_tls_is_told_nothing_and_disturbs_nobody() {
    let server = server("");
    let mut socket = open(&Client::new(&server, &[HTTP1]));
    for beginning in [
        &b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"[..],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x00\x05hello",
        &[0; 1000],
    ] {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(beginning).unwrap();
        let mut answer = Vec::new();
        // It may be reset with what it has sent unread.
        let _ = stream.read_to_end(&mut answer);
        // An alert (RFC 8446 §6), or nothing.
        assert!(answer.is_empty() || answer[0] == 21, "{answer:?}");
        socket.text("undisturbed");
        assert_eq!(socket.receive_text(), "undisturbed");
    }
}

#[test]
fn a_client_that_does_not_trust_the_certificate_harms_no_other() {
    let server = server("");
    let other = tempfile::tempdir().unwrap();
    Certificate::new().write(other.path());
    let mistrustful = Client::trusting(other.path(), server.address(), &[HTTP1]);
    assert!(mistrustful.try_connect().is_err());
    assert_eq!(
        Client::new(&server, &[HTTP1])
            .connect()
            .request("GET", "/", &[], "")
            .text(),
        "here"
    );
}

#[test]
fn a_handshake_that_does_not_end_is_ended_and_has_a_place_until_then() {
    let server = server("[server]\nheader_timeout = 1\nmax_connections = 1\n");
    for beginning in [&b""[..], b"\x16\x03\x01\x02\x00\x01"] {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(beginning).unwrap();
        let client = Client::new(&server, &[HTTP1]);
        std::thread::scope(|scope| {
            // It waits for the place of the other.
            let waiting = scope.spawn(|| client.connect().request("GET", "/", &[], "").status);
            let ended = uninterrupted(|| stream.read(&mut [0; 64]));
            assert!(matches!(ended, Ok(0)), "{ended:?}");
            assert_eq!(waiting.join().unwrap(), 200);
        });
    }
}

/// What comes to the end of a stream: an error where that is not said in TLS's own words.
fn rest(mut stream: impl std::io::Read) -> std::io::Result<Vec<u8>> {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest)?;
    Ok(rest)
}

#[test]
fn the_end_of_a_connection_is_told() {
    let server = server("");
    let client = Client::new(&server, &[HTTP1]);
    let mut stream = Waiting::new(client.try_connect().unwrap().0);
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        .unwrap();
    assert!(rest(&mut stream).unwrap().ends_with(b"here"));

    let mut stream = Waiting::new(client.try_connect().unwrap().0);
    stream
        .write_all(nova_tests::websocket::upgrade("/ws", &[]).as_bytes())
        .unwrap();
    stream.write_all(&frame(CLOSE, closing(1000, ""))).unwrap();
    assert!(rest(&mut stream).unwrap().ends_with(&[CLOSE, 2, 0x03, 0xE8]));
}

#[test]
fn a_stream_that_is_cut_without_a_word_is_closed() {
    for over in [Over::Tls, Over::Http2OverTls] {
        let scene = Scene::over(over);
        let mut client = nova_tests::Client::new(&scene.server, over);
        let mut socket = client.open("/");
        socket.send_bytes([frame(BINARY, "seen"), begun(TEXT, "half")].concat());
        assert!(scene.journal.next().contains("Binary"));
        // Neither says the last word of TLS before it closes what is below.
        match &mut client {
            nova_tests::Client::Http2(connection) => connection.cut(),
            _ => drop(socket),
        }
        assert_eq!(scene.journal.next(), "terminate Closed", "{over:?}");
    }
}

/// So much as `websocket.send_buffer` has it, twice, and one write more.
#[cfg(target_os = "linux")]
#[test]
fn the_kernel_holds_no_more_for_a_client_that_does_not_read_than_without_tls() {
    use nova_tests::kernel::queues;

    struct Flood;
    impl WebSocketHandler for Flood {
        async fn handle(&mut self, _frame: Frame, _socket: &Socket) -> Commands {
            Commands::send(Frame::binary(vec![0; 16 * 1024 * 1024]))
        }
    }
    let project = Project::new().secure();
    let server = project.serve(|| App::new(|| Routes::new().group(Group::new("/").ws("/ws", async || Flood))));
    let (stream, _) = Client::new(&server, &[HTTP1]).try_connect().unwrap();
    let own = stream.get_ref().0.local_addr().unwrap();
    let connection = Connection::over(Waiting::new(stream));
    let _socket = WebSocket::upgraded(connection, "/ws", &[], [frame(TEXT, "")]);
    let held = || queues(server.address(), own).send;
    let deadline = Instant::now() + PATIENCE;
    let (mut most, mut still) = (0, 0);
    // Full when it does not grow any more.
    while most == 0 || still < 5 {
        assert!(Instant::now() < deadline, "{most} bytes, and no end to it");
        std::thread::sleep(Duration::from_millis(1));
        let now = held();
        still = if now > most { 0 } else { still + 1 };
        most = most.max(now);
    }
    assert!(most <= 3 * 65_536, "{most} bytes");
}

#[test]
fn a_new_certificate_is_shown_to_new_connections_and_the_old_ones_go_on() {
    let (process, directory) = start(&[]);
    let first = client(&process, directory.path());
    let mut old = WebSocket::upgraded(first.connect(), "/ws", &[], []);

    // The two files are not written at once.
    let renewed = Certificate::new();
    std::fs::write(directory.path().join(CERTIFICATE), &renewed.certificate).unwrap();
    std::fs::write(directory.path().join(KEY), &renewed.key).unwrap();
    process.lines().await_note("new connections are shown it");
    let second = Client::trusting(directory.path(), first.address(), &[HTTP1]);
    assert_eq!(second.connect().request("GET", "/", &[], "").text(), "here");
    old.text("still here");
    assert_eq!(old.receive_text(), "still here");

    // One that is of no use is not used, and what is secret in it not told.
    std::fs::write(directory.path().join(KEY), Certificate::new().key).unwrap();
    let line = process.lines().await_note("stays in use");
    assert!(line.contains("ERROR") && line.contains("server.tls.key"), "{line}");
    assert_eq!(second.connect().request("GET", "/", &[], "").text(), "here");
    std::fs::remove_file(directory.path().join(CERTIFICATE)).unwrap();
    let line = process.lines().await_note("stays in use");
    assert!(line.contains("server.tls.certificate"), "{line}");
    assert_eq!(second.connect().request("GET", "/", &[], "").text(), "here");

    // And then there is one again.
    Certificate::new().write(directory.path());
    process.lines().await_note("new connections are shown it");
    let third = Client::trusting(directory.path(), first.address(), &[HTTP1]);
    assert_eq!(third.connect().request("GET", "/", &[], "").text(), "here");
}

#[test]
fn at_the_end_websockets_are_closed_and_handshakes_not_waited_for() {
    let (mut process, directory) = start(&[]);
    let client = client(&process, directory.path());
    let mut over_http1 = WebSocket::upgraded(client.connect(), "/ws", &[], []);
    let http2 = Client::trusting(directory.path(), client.address(), &[HTTP2]);
    let mut over_http2 = http2.connect_http2().websocket("/ws", &[]);
    let _silent = TcpStream::connect(client.address()).unwrap();
    process.signal("TERM");
    for socket in [&mut over_http1, &mut over_http2] {
        assert_eq!(socket.last_words(), [Received::close(1001)]);
    }
    drop((over_http1, over_http2));
    assert_eq!(process.end().code(), Some(0));
}

/// What an application says that can't start with these files and settings.
fn refusal(certificate: Option<&str>, key: Option<&str>, toml: &str) -> String {
    let mut project = Project::new().file("nova.toml", toml);
    for (file, content) in [(CERTIFICATE, certificate), (KEY, key)] {
        if let Some(content) = content {
            project = project.file(file, content);
        }
    }
    project.refusal(|| App::new(|| Routes::new().group(Group::new("/").get("/", async || "here"))))
}

#[test]
fn wrong_files_are_an_error_at_start_that_says_which_and_what_was_expected() {
    let toml = format!("[server.tls]\ncertificate = \"{CERTIFICATE}\"\nkey = \"{KEY}\"\n");
    let (own, other) = (Certificate::new(), Certificate::new());
    let encrypted = own.key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let broken = own.certificate.replacen("MII", "NII", 1);
    let unended = own.key.replace("-----END PRIVATE KEY-----", "");
    for (certificate, key, parts) in [
        (
            None,
            Some(&own.key),
            &["server.tls.certificate", CERTIFICATE, "can't read", "PEM"][..],
        ),
        (
            Some(&own.certificate),
            None,
            &["server.tls.key", KEY, "can't read", "private key"],
        ),
        (
            Some(&own.key),
            Some(&own.key),
            &["server.tls.certificate", CERTIFICATE, "PEM"],
        ),
        (
            Some(&own.certificate),
            Some(&own.certificate),
            &["server.tls.key", KEY, "PEM"],
        ),
        (
            Some(&own.certificate),
            Some(&encrypted),
            &["server.tls.key", KEY, "not encrypted"],
        ),
        (
            Some(&own.certificate),
            Some(&unended),
            &["server.tls.key", KEY, "no PEM file"],
        ),
        (
            Some(&own.certificate),
            Some(&other.key),
            &["server.tls.key", KEY, "not that of the certificate"],
        ),
        (Some(&broken), Some(&own.key), &["server.tls.certificate", CERTIFICATE]),
    ] {
        let refusal = refusal(certificate.map(String::as_str), key.map(String::as_str), &toml);
        for part in parts {
            assert!(refusal.contains(part), "{part}: {refusal}");
        }
        for line in own
            .key
            .lines()
            .chain(other.key.lines())
            .filter(|line| !line.contains("---"))
        {
            assert!(!refusal.contains(line), "{refusal}");
        }
    }
}

#[test]
fn wrong_settings_are_an_error_at_start_that_names_them() {
    for (toml, parts) in [
        (
            "[server.tls]\ncertificate = \"a\"\n",
            &["nova.toml:1", "server.tls", "`key`"][..],
        ),
        ("[server.tls]\n", &["nova.toml:1", "server.tls", "`certificate`"]),
        (
            "[server.tls]\ncertificate = \"a\"\nkey = \"b\"\ncert = \"c\"\n",
            &["nova.toml:4", "server.tls.cert", "`certificate` or `key`"],
        ),
        ("[server]\ntls = true\n", &["nova.toml:2", "server.tls"]),
    ] {
        let refusal = refusal(None, None, toml);
        for part in parts {
            assert!(refusal.contains(part), "{part}: {refusal}");
        }
    }
}
