//! What an application's code uses everywhere: `use nova::prelude::*;`.

pub use axum::extract::State;
pub use serde_json::json;

pub use crate::{
    Access, AuthData, Commands, CsrfToken, Environment, Form, Frame, Group, Handoff, Info, Json, Message, Path,
    Problem, PubSub, Query, Reason, Rejection, Reply, Routes, SendFile, Session, Socket, WebSocketHandler,
};
