//! The page that a WebSocket route shows to a person who opens its URL: a console to try the socket on.

use http::Uri;

use super::html::escape;
use super::palette;

/// The page for the socket at this URL.
pub(crate) fn console(uri: &Uri) -> String {
    let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    include_str!("console.html")
        .replace("{palette}", &palette(":root"))
        .replace("{path}", &escape(path))
}
