//! A request, as it may be shown.

use http::{HeaderMap, Uri};

use crate::registry::RequestContext;

/// What stands in place of a secret.
const HIDDEN: &str = "•••";
/// What the names of headers and parameters with secrets have in them.
const SECRET: [&str; 10] = [
    "auth",
    "cookie",
    "credential",
    "csrf",
    "key",
    "passw",
    "secret",
    "session",
    "signature",
    "token",
];

/// What is shown of a request.
pub(super) struct Shown {
    pub(super) target: String,
    pub(super) peer: Option<String>,
    pub(super) headers: Vec<(String, String)>,
}

impl Shown {
    pub(super) fn of(context: &RequestContext) -> Self {
        Self {
            target: target(&context.uri),
            peer: context.peer.map(|peer| peer.to_string()),
            headers: headers(&context.headers),
        }
    }
}

fn headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let shown = headers.iter().map(|(name, value)| {
        let value = match is_secret(name.as_str()) {
            true => HIDDEN.into(),
            false => String::from_utf8_lossy(value.as_bytes()).into_owned(),
        };
        (name.to_string(), value)
    });
    shown.collect()
}

/// The target, with its path and the query.
pub(super) fn target(uri: &Uri) -> String {
    let Some(query) = uri.query() else {
        return uri.path().to_owned();
    };
    let shown = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, _)) if is_secret(name) => format!("{name}={HIDDEN}"),
        _ => pair.to_owned(),
    });
    format!("{}?{}", uri.path(), shown.collect::<Vec<_>>().join("&"))
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET.iter().any(|secret| name.contains(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden() {
        assert_eq!(
            target(&Uri::from_static("/a?page=2&api_key=k&x&Token=t=u")),
            "/a?page=2&api_key=•••&x&Token=•••"
        );
        let map = ["cookie", "authorization", "x-api-key", "x-csrf-token", "accept"]
            .map(|name| (name.parse().unwrap(), "v".parse().unwrap()));
        let shown: Vec<_> = headers(&HeaderMap::from_iter(map))
            .into_iter()
            .map(|(_, value)| value)
            .collect();
        assert_eq!(shown, [HIDDEN, HIDDEN, HIDDEN, HIDDEN, "v"]);
    }
}
