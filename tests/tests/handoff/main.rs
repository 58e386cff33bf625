//! Live WebSockets that move from one process to another: the test is the supervisor, and the clients. One file for each
//! subject, one test for each promise.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "whatever goes wrong here fails a test")]

mod background;
mod bounds;
mod broadcasts;
mod bytes;
mod compression;
mod failures;
mod fakes;
mod kit;
mod left_behind;
mod orders;
mod requests;
mod sessions;
mod state;
mod timers;
mod upgrade;
