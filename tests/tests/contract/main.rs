//! The contract: what an application may rely on, one file for each chapter, one test for each row.

#![expect(clippy::unwrap_used, reason = "whatever goes wrong here fails a test")]
#![expect(clippy::unused_async, reason = "controllers are async whether they wait or not")]

mod addresses;
#[cfg(target_os = "linux")]
mod bounds;
mod clients;
mod closing;
mod compressing;
mod compression;
mod configuration;
mod csrf;
mod depth;
#[cfg(unix)]
mod dev;
mod error_page;
mod extractors;
mod fallback;
mod forwarding;
mod forwarding_slowly;
mod frames;
mod half_closed;
mod handshake;
mod http2;
mod http2_handshake;
mod http2_websockets;
mod in_memory;
mod log;
mod metrics;
mod middleware;
mod mounting;
mod multipart;
mod openapi;
mod pings;
mod protocol;
mod pubsub;
mod puppet;
mod ready_made;
mod registry;
mod replies;
mod routes;
mod routing_model;
mod safety;
mod security;
mod sendfile;
mod service;
mod sessions;
mod shutdown;
mod slow_consumers;
mod sse;
#[cfg(unix)]
mod start;
mod tls;
mod views_and_pages;
mod websocket;
