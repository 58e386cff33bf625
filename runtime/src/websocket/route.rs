//! What the connections of one route share.

use super::watch::Watch;
use crate::metrics;

/// A WebSocket route, as its connections know it.
#[derive(Default)]
pub(crate) struct Route {
    pub(crate) host: Option<String>,
    /// As it was declared, under its prefixes.
    pub(crate) path: String,
    pub(crate) connections: metrics::Connections,
    /// Who watches them: in `dev` only.
    pub(crate) watch: Option<Watch>,
}

impl Route {
    pub(crate) fn new(host: Option<&str>, path: &str, watch: Option<&Watch>) -> Self {
        Self {
            host: host.map(str::to_owned),
            path: path.to_owned(),
            connections: metrics::Connections::new(path),
            watch: watch.map(|watch| watch.of_route(path)),
        }
    }
}
