//! A gate that a callback waits at until the test opens it.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// Closed at first. Once open it stays open.
#[derive(Clone, Debug)]
pub struct Gate(Arc<Semaphore>);

impl Gate {
    /// A closed gate.
    pub fn new() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    /// Lets everybody through from now on.
    pub fn open(&self) {
        self.0.add_permits(1);
    }

    /// Waits until the gate is open.
    pub async fn pass(&self) {
        drop(self.0.acquire().await.unwrap());
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}
