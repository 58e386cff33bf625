//! The `OpenAPI` document, and a page that shows it.

use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, StatusCode, header};

use super::service::POLICY;
use super::{Shared, inject, palette};

/// What is served.
#[derive(Clone, Copy)]
pub(super) enum Part {
    Page,
    Style,
    Script,
    Document,
}

impl Part {
    pub(super) fn at(path: &str) -> Option<Self> {
        match path {
            "/__nova/openapi" | "/__nova/openapi/" => Some(Self::Page),
            "/__nova/openapi.css" => Some(Self::Style),
            "/__nova/openapi.js" => Some(Self::Script),
            "/__nova/openapi.json" => Some(Self::Document),
            _ => None,
        }
    }
}

pub(super) fn serve(shared: &Shared, part: Part) -> Response {
    let text = |kind: &'static str, text: String| ([(header::CONTENT_TYPE, kind)], text).into_response();
    match part {
        Part::Page => {
            let page = include_str!("page.html").replace("{script}", &inject::tag(&shared.build, None));
            let mut response = text("text/html; charset=utf-8", page);
            let policy = HeaderValue::from_static(POLICY);
            response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
            response
        }
        Part::Style => text("text/css; charset=utf-8", palette(":root") + include_str!("style.css")),
        Part::Script => text("text/javascript; charset=utf-8", include_str!("script.js").to_owned()),
        Part::Document => match shared.application.get() {
            Some(application) => text("application/json", application.openapi.clone()),
            None => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        },
    }
}
