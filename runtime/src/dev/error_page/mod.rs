//! The page for an error: what it was, what caused it, and where, with the lines of source there.
//!
//! Who is not at this machine is shown the error alone: no source, and nothing of the request.

mod frames;
mod request;
mod source;

use std::path::Path;
use std::sync::Arc;

use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

use self::frames::Frame;
use self::request::Shown;
use self::source::{Line, Place};
use super::html::escape;
use super::{Shared, guard, palette};
use crate::dispatch::ErrorPage;
use crate::error::Error;
use crate::negotiate::{Form, form};
use crate::problem::Problem;
use crate::registry::RequestContext;
use crate::unwind::Panic;
use crate::view::ViewError;

/// What the page may load: itself, and the script that loads it again.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page for errors of this application.
pub(super) fn error_page(shared: Arc<Shared>) -> ErrorPage {
    Arc::new(move |context, error| {
        let shared = Arc::clone(&shared);
        Box::pin(async move {
            // Names for a backtrace's addresses and lines of source come from files.
            let page =
                tokio::task::spawn_blocking(move || Report::new(&shared, &context, &error).page(&shared, &context));
            // It fails only when the runtime shuts down.
            page.await
                .unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
        })
    })
}

/// All that is known of an error.
struct Report {
    message: String,
    causes: Vec<String>,
    controller: &'static str,
    backtrace: Option<String>,
    /// For who is at this machine.
    close: Option<Close>,
}

/// What is shown to who is at this machine.
struct Close {
    place: Option<Place>,
    lines: Vec<Line>,
    frames: Vec<Frame>,
    request: Shown,
}

impl Report {
    fn new(shared: &Shared, context: &RequestContext, error: &Error) -> Self {
        let backtrace = error.backtrace().map(ToString::to_string);
        let is_close = context
            .peer
            .is_some_and(|peer| guard::is_from_here(peer, &context.headers));
        Self {
            message: error.to_string(),
            causes: error.chain().skip(1).map(ToString::to_string).collect(),
            controller: context.controller.unwrap_or("a closure"),
            close: is_close.then(|| Close::new(shared, context, error, backtrace.as_deref())),
            backtrace,
        }
    }

    fn page(&self, shared: &Shared, context: &RequestContext) -> Response {
        let (content_type, body) = match form(&context.headers) {
            Form::Html => ("text/html; charset=utf-8", self.html(shared, context)),
            Form::Json => (Problem::MEDIA_TYPE, self.json().to_string()),
            Form::Text => ("text/plain; charset=utf-8", self.text()),
        };
        let mut response = (StatusCode::INTERNAL_SERVER_ERROR, body).into_response();
        let headers = response.headers_mut();
        for (name, value) in [
            (header::CONTENT_TYPE, content_type),
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::CACHE_CONTROL, "no-store"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
    }

    fn json(&self) -> serde_json::Value {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        let chain: Vec<_> = std::iter::once(&self.message).chain(&self.causes).collect();
        let mut body = json!({
            "type": "about:blank",
            "title": "Internal Server Error",
            "status": status.as_u16(),
            "detail": self.message,
            "chain": chain,
            "controller": self.controller,
            "backtrace": self.backtrace,
        });
        if let Some(close) = &self.close {
            let place = |place: &Place| json!({ "file": place.file, "line": place.line, "column": place.column });
            body["place"] = close.place.as_ref().map_or(serde_json::Value::Null, place);
            let lines = close
                .lines
                .iter()
                .map(|line| json!({ "line": line.number, "text": line.text }));
            body["source"] = lines.collect();
            let frames = close
                .frames
                .iter()
                .map(|frame| json!({ "name": frame.name, "place": place(&frame.place) }));
            body["frames"] = frames.collect();
        }
        body
    }

    fn text(&self) -> String {
        let mut lines = vec![
            "500 Internal Server Error".to_owned(),
            String::new(),
            self.message.clone(),
        ];
        lines.extend(self.causes.iter().map(|cause| format!("  caused by: {cause}")));
        lines.extend([String::new(), format!("in {}", self.controller)]);
        if let Some(close) = &self.close {
            if let Some(place) = &close.place {
                lines.extend([format!("at {}", place.short()), String::new()]);
            }
            lines.extend(close.lines.iter().map(|line| {
                let mark = if line.is_meant { '>' } else { ' ' };
                format!("{mark} {:>5} | {}", line.number, line.text)
            }));
            if !close.frames.is_empty() {
                lines.extend([String::new(), "by way of".to_owned()]);
            }
            let frames = close.frames.iter();
            lines.extend(frames.map(|frame| format!("  {} ({})", frame.name, frame.place.short())));
        }
        lines.join("\n") + "\n"
    }

    fn html(&self, shared: &Shared, context: &RequestContext) -> String {
        let causes: Vec<_> = self.causes.iter().map(|cause| escape(cause)).collect();
        let causes = match causes.is_empty() {
            true => String::new(),
            false => format!(
                "<h2>Caused by</h2><ol class=\"card\"><li>{}</li></ol>",
                causes.join("</li><li>")
            ),
        };
        let backtrace = self.backtrace.as_deref().map_or_else(String::new, |backtrace| {
            format!(
                "<details><summary>Backtrace</summary><pre class=\"card\">{}</pre></details>",
                escape(backtrace)
            )
        });
        let close = self.close.as_ref();
        let at = close
            .and_then(|close| close.place.as_ref())
            .map_or_else(String::new, |place| format!(", at {}", shared.place(place)));
        let shown = |part: fn(&Close, &Shared) -> String| close.map_or_else(String::new, |close| part(close, shared));
        let sections = [
            shown(Close::source),
            causes,
            shown(Close::frames),
            backtrace,
            shown(Close::request),
        ];
        let title = self.message.lines().next().unwrap_or_default();
        filled(
            include_str!("page.html"),
            &[
                ("palette", &palette(":root")),
                ("title", &escape(title)),
                ("method", &escape(context.method.as_str())),
                ("target", &escape(&request::target(&context.uri))),
                ("error", &escape(&self.message)),
                ("controller", &escape(self.controller)),
                ("at", &at),
                ("sections", &sections.concat()),
            ],
        )
    }
}

/// The template with each `{name}` replaced, in one go: what is put in is not searched again.
fn filled(template: &str, values: &[(&str, &str)]) -> String {
    let mut page = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        page += before;
        let named = after.split_once('}').and_then(|(name, after)| {
            let (_, value) = values.iter().find(|(known, _)| *known == name)?;
            Some((*value, after))
        });
        let (value, after) = named.unwrap_or(("{", after));
        page += value;
        rest = after;
    }
    page + rest
}

impl Close {
    fn new(shared: &Shared, context: &RequestContext, error: &Error, backtrace: Option<&str>) -> Self {
        let root = &shared.root;
        let frames = backtrace.map_or_else(Vec::new, |backtrace| frames::own(backtrace, root));
        let place = of_panic(error, root)
            .or_else(|| of_view(error, root))
            .or_else(|| frames.first().map(|frame| frame.place.clone()));
        Self {
            lines: place.as_ref().map_or_else(Vec::new, |place| place.lines(root)),
            place,
            frames,
            request: Shown::of(context),
        }
    }

    fn source(&self, _shared: &Shared) -> String {
        if self.lines.is_empty() {
            return String::new();
        }
        let lines = self.lines.iter().map(|line| {
            let class = if line.is_meant {
                " class=\"meant\" aria-current=\"true\""
            } else {
                ""
            };
            format!(
                "<li value=\"{}\"{class}><code>{} </code></li>",
                line.number,
                escape(&line.text)
            )
        });
        format!("<ol class=\"source card\">{}</ol>", lines.collect::<String>())
    }

    fn frames(&self, shared: &Shared) -> String {
        if self.frames.is_empty() {
            return String::new();
        }
        let frames = self.frames.iter().map(|frame| {
            format!(
                "<li><code>{}</code> {}</li>",
                escape(&frame.name),
                shared.place(&frame.place)
            )
        });
        format!(
            "<h2>By way of</h2><ol class=\"card\">{}</ol>",
            frames.collect::<String>()
        )
    }

    fn request(&self, _shared: &Shared) -> String {
        let row = |name: &str, value: &str| format!("<tr><th>{}</th><td>{}</td></tr>", escape(name), escape(value));
        let peer = self.request.peer.iter().map(|peer| row("peer", peer));
        let headers = self.request.headers.iter().map(|(name, value)| row(name, value));
        let rows: String = std::iter::once(row("target", &self.request.target))
            .chain(peer)
            .chain(headers)
            .collect();
        format!("<h2>Request</h2><table class=\"card\">{rows}</table>")
    }
}

/// Where a panic was, where it was one.
fn of_panic(error: &Error, root: &Path) -> Option<Place> {
    let panic = error.downcast_ref::<Panic>()?;
    let (file, line, column) = frames::placed(panic.place.as_deref()?)?;
    Place::new(root, Path::new(file), line, column)
}

/// Where in a view an error is, where it is in one.
fn of_view(error: &Error, root: &Path) -> Option<Place> {
    let error = error.chain().find_map(|error| error.downcast_ref::<ViewError>())?;
    let (path, line, column) = error.place()?;
    Place::new(root, path, line, column)
}

impl Shared {
    /// A place, as a link where an editor is named.
    fn place(&self, place: &Place) -> String {
        let short = escape(&place.short());
        let link = self
            .editor
            .link(&place.file.to_string_lossy(), place.line as u64, place.column as u64);
        match link {
            Some(link) => format!("<a href=\"{}\"><code>{short}</code></a>", escape(&link)),
            None => format!("<code>{short}</code>"),
        }
    }
}
