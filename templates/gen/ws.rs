//! WebSocket handlers: one value for each connection.
