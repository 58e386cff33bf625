//! What an application's code uses everywhere: `use nova::prelude::*;`.

pub use axum::Json;
pub use axum::extract::{Form, Path, Query, State};
pub use serde_json::json;

pub use crate::{
    Access, AuthData, Commands, Environment, Frame, Group, Handoff, Info, Message, PubSub, Reason, Rejection, Reply,
    Routes, SendFile, Socket, WebSocketHandler,
};
