//! WebSocket handlers: one value for each connection.

pub mod board;
