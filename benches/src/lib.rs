//! What the benchmarks share: the servers that are measured, the load on them, and what became of it.

pub mod abusers;
pub mod applications;
pub mod audience;
pub mod broker;
pub mod children;
pub mod client;
pub mod http_load;
pub mod load;
pub mod machine;
pub mod messages;
#[cfg(feature = "nats")]
pub mod nodes;
pub mod page;
pub mod process;
pub mod room;
mod samples;
pub mod serving;

pub use samples::Samples;

/// The result of a benchmark: what stops one is only printed.
pub type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;
