//! The harbour's office: berths, boats and the tide.

// What the others stand on comes first.
pub mod store;

pub mod controllers;
mod routes;
pub mod security;
pub mod ws;

use nova::middleware::{RequestIds, SecurityHeaders};

pub use crate::store::Store;
pub use routes::routes;

/// The tide, as far as the office needs it.
mod tide {
    /// Whether there is enough water at this hour of the day.
    pub fn is_high(hour: u8) -> bool {
        matches!(hour % 12, 0..=2 | 10..)
    }
}

/// The application, as `main` runs it and tests call it.
pub fn app() -> nova::App<Store> {
    nova::App::new(routes)
        // Who is logged in is forgotten at a restart; nobody has minded.
        .sessions(nova::session::MemoryStore::new())
        .layer(RequestIds::new())
        .layer(SecurityHeaders::new())
        .start(store::open) // the register is read once
}

#[cfg(test)]
mod tests {
    use super::tide;

    #[test]
    fn there_is_water_at_noon() {
        assert!(tide::is_high(12));
        assert!(!tide::is_high(6));
    }
}
