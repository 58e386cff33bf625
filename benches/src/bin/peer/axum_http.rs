//! The plain responses on bare axum: the same routes, the same bytes.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use handlebars::Handlebars;
use nova_benches::Result;
use nova_benches::page::{Page, TEMPLATE};
use serde_json::json;
use tokio::net::TcpListener;

const NAME: &str = "page";

pub(crate) async fn serve(listener: TcpListener) -> Result<()> {
    let mut templates = Handlebars::new();
    templates.register_template_string(NAME, TEMPLATE)?;
    let router = Router::new()
        .route("/heartbeat", get(async || StatusCode::OK))
        .route("/json", get(async || Json(json!({ "message": "Hello, World!" }))))
        .route(
            "/users/{id}",
            get(async |Path(id): Path<u64>| Json(json!({ "id": id }))),
        )
        .route("/page", get(page))
        .with_state(Arc::new(templates));
    Ok(axum::serve(listener, router).await?)
}

async fn page(State(templates): State<Arc<Handlebars<'static>>>) -> Response {
    match templates.render(NAME, &Page::new()) {
        Ok(page) => Html(page).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
