//! Ten changes under a steady load: nobody is refused, nobody is cut off, nobody goes back in time.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::kit::http::{Connection, Request, Response};
use crate::kit::{Project, eventually};

const SWAPS: usize = 10;

/// Between two requests of a client: a load that a page causes, and no more.
const PAUSE: Duration = Duration::from_millis(3);

/// What the clients and the test know of each other.
#[derive(Default)]
struct Load {
    /// The newest change of which `nova serve` has said that it is served.
    served: AtomicUsize,
    answers: AtomicUsize,
    over: AtomicBool,
}

impl Load {
    /// One client: sends requests until all is over, and checks what comes back.
    fn run(&self, mut send: impl FnMut() -> Response) {
        while !self.over.load(Ordering::Acquire) {
            let at_least = self.served.load(Ordering::Acquire);
            let response = send();
            assert_eq!(response.status, 200);
            let version = version(&response);
            assert!(version >= at_least, "{version} was served after {at_least}");
            self.answers.fetch_add(1, Ordering::Release);
            thread::sleep(PAUSE);
        }
    }
}

/// Ends the load also where the test fails, so that its clients don't go on for ever.
struct End<'a>(&'a Load);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::Release);
    }
}

fn version(response: &Response) -> usize {
    let (_, after) = response.text().split_once("<h1>swap ").expect("a heading");
    after.split('<').next().unwrap().parse().unwrap()
}

/// A connection that is used as long as it lasts. The server may close it between two requests, and a request that
/// meets the close may be sent again (RFC 9112, 9.3.1); one that it answers in part may not.
struct Kept {
    address: SocketAddr,
    connection: Option<Connection>,
}

impl Kept {
    fn send(&mut self, request: &Request) -> Response {
        if let Some(connection) = &mut self.connection
            && let Ok(response) = connection.send(request)
        {
            return self.note(response);
        }
        let mut connection = Connection::open(self.address).unwrap();
        let response = connection.send(request).unwrap();
        self.connection = Some(connection);
        self.note(response)
    }

    fn note(&mut self, response: Response) -> Response {
        if response.header("connection") == Some("close") {
            self.connection = None;
        }
        response
    }
}

#[test]
fn the_port_never_refuses_during_ten_swaps() {
    let project = Project::new("swaps");
    project.edit(
        "src/controllers/home.rs",
        "\"title\": \"swaps\"",
        "\"title\": \"swap 0\"",
    );
    let mut serve = project.serve();
    let address = serve.address();
    let load = Load::default();
    thread::scope(|scope| {
        let _end = End(&load);
        for _ in 0..2 {
            scope.spawn(|| load.run(|| Request::get("/").send(address).unwrap()));
        }
        scope.spawn(|| {
            let mut kept = Kept {
                address,
                connection: None,
            };
            load.run(|| kept.send(&Request::get("/")));
        });
        for swap in 1..=SWAPS {
            let (before, after) = (format!("\"swap {}\"", swap - 1), format!("\"swap {swap}\""));
            project.edit("src/controllers/home.rs", &before, &after);
            serve.has_reloaded();
            load.served.store(swap, Ordering::Release);
            // Enough of it that every client has met the new process.
            let seen = load.answers.load(Ordering::Acquire);
            eventually("the load goes on", || load.answers.load(Ordering::Acquire) > seen + 10);
        }
    });
    assert_eq!(version(&serve.get("/")), SWAPS);
    eventually("every old process ends", || project.applications().len() == 1);
}
