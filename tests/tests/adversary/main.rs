//! Clients that mean no good, through real sockets: each is told what is wrong or is cut, the server goes on, and what it
//! holds for them is bounded.

#![expect(clippy::unwrap_used, reason = "whatever goes wrong here fails a test")]

mod bodies;
#[cfg(target_os = "linux")]
mod descriptors;
mod floods;
mod framing;
mod heads;
mod hosts;
mod http2;
mod injection;
mod kit;
mod paths;
mod slow;
mod unread;
