//! The pages for statuses that the application declares none for.

use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::negotiate::{Form, form};

/// What is said of a status, in the form that the client prefers.
pub(crate) fn default_page(status: StatusCode, headers: &HeaderMap) -> Response {
    let reason = status.canonical_reason().unwrap_or("Error");
    let code = status.as_u16();
    let (content_type, body) = match form(headers) {
        Form::Html => ("text/html; charset=utf-8", html(code, reason)),
        Form::Json => (
            "application/json",
            serde_json::json!({ "status": code, "error": reason }).to_string(),
        ),
        Form::Text => ("text/plain; charset=utf-8", format!("{code} {reason}\n")),
    };
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    // The form depends on the request's header, which caches must know.
    headers.insert(header::VARY, HeaderValue::from_static("accept"));
    response
}

fn html(code: u16, reason: &str) -> String {
    include_str!("status_page.html")
        .replace("{code}", &code.to_string())
        .replace("{reason}", reason)
}
