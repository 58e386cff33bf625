//! The controllers for statuses.

use std::collections::BTreeMap;
use std::convert::Infallible;

use axum::extract::Request;
use axum::response::Response;
use http::StatusCode;
use tower::util::BoxCloneSyncService;

/// The controllers for statuses. Those of a mounted table are for what is below its prefix.
#[derive(Default)]
pub(crate) struct Pages(BTreeMap<StatusCode, Vec<Page>>);

/// A controller for a status.
pub(crate) struct Page {
    pub(crate) prefix: String,
    pub(crate) controller: Option<&'static str>,
    pub(crate) service: BoxCloneSyncService<Request, Response, Infallible>,
}

impl Pages {
    pub(crate) fn add(&mut self, status: StatusCode, page: Page) {
        let pages = self.0.entry(status).or_default();
        pages.push(page);
        // The most particular first.
        pages.sort_by_key(|page| std::cmp::Reverse(page.prefix.len()));
    }

    pub(super) fn find(&self, status: StatusCode, path: &str) -> Option<&Page> {
        self.0.get(&status)?.iter().find(|page| is_below(&page.prefix, path))
    }
}

/// Whether a path is that of a mounted table, or below it. A parameter in the prefix is any part.
fn is_below(prefix: &str, path: &str) -> bool {
    let mut parts = path.split('/');
    prefix.split('/').all(|wanted| {
        let is_parameter = wanted.starts_with('{') && wanted.ends_with('}');
        parts
            .next()
            .is_some_and(|part| part == wanted || (is_parameter && !part.is_empty()))
    })
}
