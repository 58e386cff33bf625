//! A deadline that may not exist, for use in a select.

use tokio::time::Instant;

/// Returns at `deadline`; without one, never.
pub(super) async fn reached(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
