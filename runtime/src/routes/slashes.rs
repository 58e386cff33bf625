//! What a slash at the end of a path says.

use serde::Deserialize;

/// The setting `server.trailing_slash`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TrailingSlash {
    /// Nothing: `/users/` is `/users`, in a request and in a declaration.
    #[default]
    Ignore,
    /// Nothing, and a request with one is led to the path without it: so each page has one address.
    Redirect,
    /// That it is another path: a route answers the form in which it is declared.
    Strict,
}

impl TrailingSlash {
    pub(crate) fn is_strict(self) -> bool {
        self == Self::Strict
    }
}
