//! What the attacks have in common.

use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use nova::App;
use nova::prelude::*;
use nova_tests::http::{Connection, Response};
use nova_tests::{PATIENCE, Process, Project, Server};
use tempfile::TempDir;

/// What is served to most of them.
pub(crate) fn routes() -> Routes {
    Routes::new().group(
        Group::new("/")
            .get("/", async || "here")
            .post("/", async |body: String| body.len().to_string())
            .get("/host", async |headers: nova::http::HeaderMap| {
                format!("{:?}", headers.get("host"))
            })
            .get("/large", async || vec![b'x'; 20 << 20])
            .get("/panic", async || -> &'static str { panic!("boom") }),
    )
}

pub(crate) fn server(toml: &str) -> Server {
    Project::new().file("nova.toml", toml).serve(|| App::new(routes))
}

/// Sends bytes, and reads every response until the server has ended the connection.
pub(crate) fn answers(server: &Server, bytes: impl AsRef<[u8]>) -> Vec<Response> {
    let mut connection = server.connect();
    // It may have been ended before all is sent.
    let _ = connection.try_send(bytes);
    let responses = std::iter::from_fn(|| connection.try_response("GET")).collect();
    assert!(connection.is_ended());
    responses
}

pub(crate) fn statuses(server: &Server, bytes: impl AsRef<[u8]>) -> Vec<u16> {
    answers(server, bytes).iter().map(|response| response.status).collect()
}

/// The server goes on as if nothing had been.
pub(crate) fn goes_on(server: &Server) {
    assert_eq!(server.get("/").text(), "here");
}

/// The application in `src/bin/stronghold.rs`, as a process: so that its memory can be told from the clients'.
pub(crate) fn stronghold(variables: &[(&str, &str)]) -> (Process, TempDir) {
    stronghold_by(Command::new(env!("CARGO_BIN_EXE_stronghold")), variables)
}

pub(crate) fn stronghold_by(mut command: Command, variables: &[(&str, &str)]) -> (Process, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let variables = variables.iter().copied();
    command
        .current_dir(directory.path())
        .envs([("NOVA_ENV", "prod"), ("NOVA_SERVER_PORT", "0")]);
    command.envs(variables);
    (Process::start(&mut command), directory)
}

pub(crate) fn get(address: SocketAddr, target: &str) -> Response {
    Connection::open(address).request("GET", target, &[], "")
}

/// Waits until something is so.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
