//! Controllers: functions from a request to a reply.

pub mod admin;
pub mod berths; // were `boats` until the office renamed them
pub mod home;
pub mod notices;
mod paging;
#[cfg(feature = "reports")]
pub mod reports;

// Other crates of ours knew it by this name.
pub use berths::Berth;
pub use paging::page;
