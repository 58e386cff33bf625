//! What the office prints once a year.

use nova::prelude::*;

use crate::Store;

/// `GET /reports`
pub async fn index(State(store): State<Store>) -> Reply {
    Reply::json(json!({ "boats": store.boats().len() }))
}
