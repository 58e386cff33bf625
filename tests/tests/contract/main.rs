//! The contract: what an application may rely on, one file for each chapter, one test for each row.

#![expect(clippy::unwrap_used, reason = "whatever goes wrong here fails a test")]
#![expect(clippy::unused_async, reason = "controllers are async whether they wait or not")]

mod closing;
mod compressing;
mod compression;
mod configuration;
mod fallback;
mod forwarding;
mod forwarding_slowly;
mod frames;
mod handshake;
mod log;
mod middleware;
mod protocol;
mod pubsub;
mod puppet;
mod registry;
mod replies;
mod routes;
mod safety;
mod security;
mod sendfile;
mod service;
mod shutdown;
mod slow_consumers;
mod views_and_pages;
mod websocket;
