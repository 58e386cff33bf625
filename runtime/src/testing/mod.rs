//! Tests of an application without a port: requests to the whole of it, and handlers called directly.
//!
//! ```
//! use nova::prelude::*;
//! use nova::testing;
//!
//! fn routes() -> Routes {
//!     Routes::new().group(Group::new("/").get("/", async || Reply::json(json!({ "ok": true }))))
//! }
//!
//! testing::run(async {
//!     let response = testing::app(routes).get("/").await;
//!     assert_eq!(response.status(), 200);
//!     assert_eq!(response.text(), r#"{"ok":true}"#);
//! });
//! ```

mod application;
mod frames;
mod handshake;
mod link;
mod mailbox;
mod pipe;
mod random;
#[cfg(any(test, feature = "test-util"))]
mod seeds;
mod websocket;

pub use application::{TestApp, TestResponse, app};
pub use frames::masked;
pub use handshake::Handshake;
pub use link::{Cuts, Link};
pub use mailbox::{Mailbox, socket, socket_of};
pub use random::Rng;
#[cfg(any(test, feature = "test-util"))]
pub use seeds::{run_paused, seeds};
pub use tokio::time::{Instant, sleep, timeout};
pub use websocket::{End, WebSocket};

/// Runs a test's future to its end, on a runtime of its own.
///
/// # Panics
/// When the runtime can't be started.
pub fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime for the test").block_on(test)
}
