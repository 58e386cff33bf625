//! What an application's code uses everywhere: `use nova::prelude::*;`.

pub use axum::Json;
pub use axum::extract::{Form, Path, Query, State};
pub use serde_json::json;

pub use crate::{
    Access, AuthData, Commands, CsrfToken, Environment, Frame, Group, Handoff, Info, Message, PubSub, Reason,
    Rejection, Reply, Routes, SendFile, Session, Socket, WebSocketHandler,
};
