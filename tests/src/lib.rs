//! What the tests of the whole are made of: a server in this process or in a child, and clients that speak in bytes.
//!
//! Everything here fails by panicking, and everything that waits has a deadline.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "whatever goes wrong here fails a test"
)]

use std::time::Duration;

pub mod broker;
pub mod gate;
pub mod guide;
pub mod http;
pub mod http2;
pub mod journal;
#[cfg(target_os = "linux")]
pub mod kernel;
pub mod over;
#[cfg(target_os = "linux")]
pub mod postgres;
pub mod process;
pub mod project;
pub mod server;
pub mod stream;
#[cfg(unix)]
pub mod supervised;
pub mod tls;
pub mod websocket;

pub use broker::Broker;
pub use gate::Gate;
pub use journal::Journal;
pub use over::{Client, Over};
#[cfg(target_os = "linux")]
pub use postgres::Postgres;
pub use process::Process;
pub use project::Project;
pub use server::Server;
#[cfg(unix)]
pub use supervised::Supervised;
pub use websocket::{Received, WebSocket};

/// How long anything may take that is expected to happen. It is not reached where the expectation is met.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Plays a scene until it succeeds, a few times at most. It is for what a machine may be too slow for: a scene that has to
/// be over before a clock of the server's is. One success proves as much as many, where a server that does it wrong never
/// comes to one; no other scene belongs here.
pub fn in_one_of_a_few(scene: impl Fn()) {
    for _ in 1..5 {
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(&scene)).is_ok() {
            return;
        }
    }
    scene();
}
