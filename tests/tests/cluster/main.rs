//! Pub/sub between nodes: the rows of the guarantees with one node and with several, and what is left of them under faults.
//!
//! It needs `nats-server` in PATH; without one the tests that want it say so and do nothing, unless
//! `NOVA_TEST_NATS=required`. `NOVA_TEST_CUT` is how many seconds links are cut for; 4 by default, so that the tests are
//! quick, and 30 to be sure.

#![expect(clippy::unwrap_used, reason = "whatever goes wrong here fails a test")]
#![expect(clippy::unused_async, reason = "`init` is async whether it waits or not")]

mod kit;

mod brokers;
mod cuts;
mod health;
mod moves;
mod rows;
mod sessions;
mod trust;
