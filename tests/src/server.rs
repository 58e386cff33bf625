//! An application served in this process, on a port of its own.

use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;

use nova::{App, Routes};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::http::{Connection, Response};
use crate::{PATIENCE, Project};

/// A running application. It ends when this is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    ended: Receiver<()>,
    thread: Option<JoinHandle<()>>,
    project: Project,
}

/// Serves a table in the environment `test`, with the default settings.
pub fn serve(routes: impl FnOnce() -> Routes + Send + 'static) -> Server {
    Project::new().serve(|| App::new(routes))
}

/// Serves a table whose controllers and handlers share a state.
pub fn serve_with<S>(state: &S, routes: impl FnOnce() -> Routes<S> + Send + 'static) -> Server
where
    S: Clone + Send + Sync + 'static,
{
    let state = state.clone();
    Project::new().serve(move || App::new(routes).state(state))
}

/// What an application that can't start says.
pub(crate) fn refusal<S: Clone + Send + Sync + 'static>(app: App<S, S>) -> String {
    runtime().block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        match timeout(PATIENCE, app.serve(listener)).await {
            Ok(Err(error)) => format!("{error:?}"),
            Ok(Ok(())) => panic!("the server ended by itself"),
            Err(tokio::time::error::Elapsed { .. }) => panic!("the application started"),
        }
    })
}

fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().unwrap()
}

impl Server {
    pub(crate) fn start<S, F>(project: Project, app: F) -> Self
    where
        S: Clone + Send + Sync + 'static,
        F: FnOnce() -> App<S, S> + Send + 'static,
    {
        let config = project.config().unwrap_or_else(|error| panic!("{error}"));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let (end, ended) = channel();
        let thread = std::thread::spawn(move || {
            let runtime = runtime();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                tokio::select! {
                    served = app().config(config).serve(listener) => panic!("the server ended by itself: {served:?}"),
                    _ = stopped => {}
                }
            });
            runtime.shutdown_timeout(PATIENCE);
            // The test may be gone.
            let _ = end.send(());
        });
        Self {
            address,
            stop: Some(stop),
            ended,
            thread: Some(thread),
            project,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its project.
    pub fn project(&self) -> &Project {
        &self.project
    }

    /// A connection to it.
    pub fn connect(&self) -> Connection {
        Connection::open(self.address)
    }

    /// Sends a GET on a connection of its own.
    pub fn get(&self, target: &str) -> Response {
        self.request("GET", target, &[], "")
    }

    /// Sends a request on a connection of its own.
    pub fn request(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Response {
        self.connect().request(method, target, headers, body)
    }

    /// Sends a GET that prefers a media type.
    pub fn get_accepting(&self, target: &str, media_type: &str) -> Response {
        self.request("GET", target, &[("accept", media_type)], "")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // It fails when the server has panicked.
            let _ = stop.send(());
        }
        let ended = self.ended.recv_timeout(PATIENCE);
        if std::thread::panicking() {
            return;
        }
        ended.expect("the server ends in time");
        self.thread.take().unwrap().join().unwrap();
    }
}
