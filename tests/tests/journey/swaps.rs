//! Ten changes under a steady load: nobody is refused, nobody is cut off, and once a change is said to be served, nobody
//! meets what was before it.

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
    /// One client: sends requests until all is over, and checks what comes back. `send` also says what was known to be
    /// served when it connected: that, or something newer, must be the answer.
    fn run(&self, mut send: impl FnMut(&Self) -> (Response, usize)) {
        while !self.over.load(Ordering::Acquire) {
            let (response, at_least) = send(self);
            assert_eq!(response.status, 200);
            let version = version(&response);
            assert!(version >= at_least, "{version} was served after {at_least}");
            self.answers.fetch_add(1, Ordering::Release);
            thread::sleep(PAUSE);
        }
    }

    fn served(&self) -> usize {
        self.served.load(Ordering::Acquire)
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

/// A connection that is used as long as it lasts, and what was known to be served when it was opened. The server may
/// close it between two requests; a request that meets the close is sent again (RFC 9112, 9.3.1).
#[derive(Default)]
struct Kept(Option<(Connection, usize)>);

impl Kept {
    fn send(&mut self, address: SocketAddr, load: &Load) -> (Response, usize) {
        let request = Request::get("/");
        if let Some((mut connection, since)) = self.0.take()
            && let Ok(response) = connection.send(&request)
        {
            return self.keep(connection, since, response);
        }
        let since = load.served();
        let mut connection = Connection::open(address).unwrap();
        let response = connection.send(&request).unwrap();
        self.keep(connection, since, response)
    }

    fn keep(&mut self, connection: Connection, since: usize, response: Response) -> (Response, usize) {
        if response.header("connection") != Some("close") {
            self.0 = Some((connection, since));
        }
        (response, since)
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
            scope.spawn(|| {
                load.run(|load| {
                    let served = load.served();
                    (Request::get("/").send(address).unwrap(), served)
                });
            });
        }
        scope.spawn(|| {
            let mut kept = Kept::default();
            load.run(|load| kept.send(address, load));
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
