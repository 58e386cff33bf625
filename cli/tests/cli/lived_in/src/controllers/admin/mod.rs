//! What the office alone may do.

pub mod tariffs;
