//! Connections from their handshake to `terminate`: in memory, and in a time of their own.

mod closing;
mod conversation;
mod room;
mod stage;
mod time;
