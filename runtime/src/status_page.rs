//! The pages for statuses that the application declares none for.

use std::fmt::Write as _;

use axum::response::{IntoResponse as _, Response};
use handlebars::html_escape;
use http::{HeaderMap, HeaderValue, header};

use crate::negotiate::{Form, form};
use crate::problem::Problem;

/// What is said of a problem, in the form that the client prefers.
pub(crate) fn default_page(problem: &Problem, headers: &HeaderMap) -> Response {
    let (content_type, body) = match form(headers) {
        Form::Html => ("text/html; charset=utf-8", html(problem)),
        Form::Json => (Problem::MEDIA_TYPE, problem.to_json()),
        Form::Text => ("text/plain; charset=utf-8", text(problem)),
    };
    let mut response = (problem.status(), body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    // The form depends on the request's header, which caches must know.
    headers.insert(header::VARY, HeaderValue::from_static("accept"));
    response
}

fn text(problem: &Problem) -> String {
    let mut text = format!("{} {}\n", problem.status().as_u16(), problem.title());
    if let Some(detail) = problem.detail() {
        text.push_str(detail);
        text.push('\n');
    }
    for (place, detail) in problem.errors() {
        // A string takes all that is written to it.
        let _ = writeln!(text, "{place}: {detail}");
    }
    text
}

fn html(problem: &Problem) -> String {
    let mut more = String::new();
    if let Some(detail) = problem.detail() {
        let _ = writeln!(more, "<p>{}</p>", html_escape(detail));
    }
    if problem.errors().next().is_some() {
        more.push_str("<ul>\n");
        for (place, detail) in problem.errors() {
            let _ = writeln!(
                more,
                "<li><code>{}</code> {}</li>",
                html_escape(place),
                html_escape(detail)
            );
        }
        more.push_str("</ul>\n");
    }
    // What a stranger may have written comes last: it is not searched for places.
    include_str!("status_page.html")
        .replace("{code}", &problem.status().as_u16().to_string())
        .replace("{reason}", &html_escape(problem.title()))
        .replace("{more}", &more)
}
