//! The page for an error: what it was, what caused it, and where.

use axum::response::{Html, IntoResponse as _, Response};
use http::{StatusCode, header};

use super::html::escape;
use super::palette;
use crate::error::Error;
use crate::negotiate::{Form, form};
use crate::problem::Problem;
use crate::registry::RequestContext;

/// Shows an error in the form that the client prefers.
pub(crate) fn error_page(context: &RequestContext, error: &Error) -> Response {
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    match form(&context.headers) {
        Form::Html => (status, Html(html(context, error))).into_response(),
        Form::Json => {
            let chain: Vec<_> = error.chain().map(ToString::to_string).collect();
            let body = serde_json::json!({
                "type": "about:blank",
                "title": "Internal Server Error",
                "status": status.as_u16(),
                "detail": error.to_string(),
                "chain": chain,
                "controller": context.controller,
                "backtrace": error.backtrace().map(ToString::to_string),
            });
            let media_type = [(header::CONTENT_TYPE, Problem::MEDIA_TYPE)];
            (status, media_type, body.to_string()).into_response()
        }
        Form::Text => {
            let controller = context.controller.unwrap_or("a closure");
            (
                status,
                format!("500 Internal Server Error\n\n{error:?}\n\nin {controller}\n"),
            )
                .into_response()
        }
    }
}

fn html(context: &RequestContext, error: &Error) -> String {
    let causes: Vec<_> = error.chain().skip(1).map(|cause| escape(&cause.to_string())).collect();
    let causes = match causes.is_empty() {
        true => String::new(),
        false => format!("<h2>Caused by</h2><ol><li>{}</li></ol>", causes.join("</li><li>")),
    };
    let backtrace = error.backtrace().map_or_else(String::new, |backtrace| {
        let text = escape(&backtrace.to_string());
        format!("<details><summary>Backtrace</summary><pre>{text}</pre></details>")
    });
    include_str!("error_page.html")
        .replace("{palette}", &palette(":root"))
        .replace("{controller}", &escape(context.controller.unwrap_or("a closure")))
        .replace("{method}", &escape(context.method.as_str()))
        .replace("{uri}", &escape(&context.uri.to_string()))
        .replace("{causes}", &causes)
        .replace("{backtrace}", &backtrace)
        .replace("{error}", &escape(&error.to_string()))
}
