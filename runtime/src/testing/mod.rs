//! Tests of an application without a port: requests to the whole of it, WebSockets in memory, handlers called directly,
//! and a clock that the test controls.
//!
//! A test is a plain `#[test]`, and [`run`] gives it a runtime.
//!
//! # Requests
//!
//! [`app`] puts the application together as it is in the environment `test`, and answers requests:
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
//!
//! `get`, `post`, `put`, `patch`, `delete` and [`send`](TestApp::send) are the methods; what a request has besides, as a header, a
//! form, JSON or files, it is [given](TestRequest) before it is awaited. A response says what it is, and what the controller
//! [replied](TestResponse::kind): the name of a view and its variables, before they were a page.
//!
//! [`TestApp::client`] is one who keeps cookies, for what takes several requests. There can be several. A client can begin
//! with a [session](TestClient::with_session), or with what a [security function](TestClient::with_auth) would have found out.
//!
//! # WebSockets
//!
//! A handler's callbacks are functions, and [`socket()`] is all that it takes to call them. What a connection makes of them
//! is seen over one: [`TestApp::websocket`] sends the handshake through the whole application, middleware and security
//! functions included, and then runs the connection as over TCP. The test is its client:
//!
//! ```
//! use nova::prelude::*;
//! use nova::testing;
//!
//! struct Shout;
//!
//! impl WebSocketHandler for Shout {
//!     async fn handle(&mut self, frame: Frame, _socket: &Socket) -> Commands {
//!         match frame {
//!             Frame::Text(text) if text == "bye" => Commands::close(4000, "see you"),
//!             Frame::Text(text) => Commands::send(text.to_uppercase()),
//!             _ => Commands::none(),
//!         }
//!     }
//! }
//!
//! fn routes() -> Routes {
//!     Routes::new().group(Group::new("/").ws("/shout", async || Shout))
//! }
//!
//! # fn a_callback() {
//! testing::run(async {
//!     let (socket, _mailbox) = testing::socket();
//!     assert_eq!(Shout.handle(Frame::text("tea"), &socket).await, Commands::send("TEA"));
//! });
//! # }
//! # a_callback();
//!
//! testing::run(async {
//!     let mut client = testing::app(routes).websocket("/shout").await;
//!     client.send("tea");
//!     assert_eq!(client.receive_text().await, "TEA");
//!     client.send("bye");
//!     assert_eq!(client.receive_close().await.code, Some(4000));
//! });
//! ```
//!
//! [`Handshake`] is what the client says first: its origin, sub-protocols, headers. [`WebSocket`] is what it does then:
//! it sends frames and bytes, waits for frames, stops reading, hangs up with and without a close frame. A [`Link`] cuts
//! what passes between the two, delays it, or resets the connection in the middle.
//!
//! # Time
//!
//! With the feature `test-util` there is `run_paused`, in place of [`run`]: its clock stands still while there is something
//! to do, and jumps to the next timer when there is not. Idle timeouts, write deadlines, handlers' timers and the shutdown's
//! deadline then take no time, and are exact:
//!
//! ```
//! # #[cfg(feature = "test-util")] {
//! # use nova::prelude::*;
//! # use nova::testing::{self, Instant, sleep};
//! # use std::time::Duration;
//! # #[derive(Clone)]
//! # struct Tick;
//! # struct Clock;
//! # impl WebSocketHandler<Tick> for Clock {
//! #     async fn handle(&mut self, _: Frame, _: &Socket<Tick>) -> Commands { Commands::none() }
//! #     async fn info(&mut self, _: Info<Tick>, _: &Socket<Tick>) -> Commands { Commands::send("tick") }
//! # }
//! # async fn init(socket: Socket<Tick>) -> Clock {
//! #     socket.send_info_every(Duration::from_secs(10), Tick);
//! #     Clock
//! # }
//! # fn routes() -> Routes { Routes::new().group(Group::new("/").ws("/clock", init)) }
//! testing::run_paused(async {
//!     let mut client = testing::app(routes).websocket("/clock").await;
//!     client.expect_nothing(Duration::from_secs(9)).await;
//!     assert_eq!(client.receive_text().await, "tick");
//!     // It says nothing, so it is closed.
//!     sleep(Duration::from_secs(60)).await;
//!     assert_eq!(client.rest().await.last(), Some(&Frame::close(1000, "")));
//! });
//! # }
//! ```
//!
//! The feature is for tests: among the dependencies of an application it would be in its release too. A second entry
//! enables it where it belongs:
//!
//! ```toml
//! [dependencies]
//! nova = { package = "nova-framework", version = "0.1" }
//!
//! [dev-dependencies]
//! nova = { package = "nova-framework", version = "0.1", features = ["test-util"] }
//! ```
//!
//! The tests are then built with another tokio than the application, and so is all that stands on it: their first build
//! takes longer by that.
//!
//! # Chance
//!
//! `seeds`, of the same feature, runs a test many times, each with another [`Rng`] to choose from: what is said, when, over
//! what [`Link`]. The whole of a run follows from its seed, and the one that fails is printed with the command that runs it
//! again. What makes its own choices, as `tokio::select!` does without `biased`, is outside of that.
//!
//! ```
//! # #[cfg(feature = "test-util")] {
//! # use nova::prelude::*;
//! # use nova::testing::{self, Link};
//! # struct Echo;
//! # impl WebSocketHandler for Echo {
//! #     async fn handle(&mut self, frame: Frame, _: &Socket) -> Commands { Commands::send(frame) }
//! # }
//! # fn routes() -> Routes { Routes::new().group(Group::new("/").ws("/echo", async || Echo)) }
//! testing::seeds(20, async |mut rng| {
//!     let mut client = testing::app(routes).websocket("/echo").link(Link::random(&mut rng)).await;
//!     for number in 0..rng.below(10) {
//!         client.send(format!("message {number}").as_str());
//!         assert_eq!(client.receive_text().await, format!("message {number}").as_str());
//!     }
//! });
//! # }
//! ```

mod application;
mod client;
mod frames;
mod handshake;
mod link;
mod mailbox;
mod pipe;
mod random;
mod request;
#[cfg(any(test, feature = "test-util"))]
mod seeds;
mod websocket;

pub use application::{TestApp, TestResponse, app};
pub use client::TestClient;
pub use frames::masked;
pub use handshake::Handshake;
pub use link::{Cuts, Link};
pub use mailbox::{Mailbox, socket, socket_of};
pub use random::Rng;
pub use request::TestRequest;
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

#[cfg(test)]
mod tests;
