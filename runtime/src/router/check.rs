//! What is wrong with a route table, found before it is used, with the places where it was declared.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::Location;
use std::path::PathBuf;

use http::Method;

use crate::routes::{Endpoint, Routes};

type Place = &'static Location<'static>;

/// A route table that can't be served. Nothing is shadowed silently.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RouteError {
    /// Two routes for the same method, host and path.
    Duplicate {
        /// The method.
        method: Method,
        /// The path.
        path: String,
        /// Where the first was declared.
        first: Place,
        /// Where the second was declared.
        second: Place,
    },
    /// Two paths that match the same requests, such as `/users/{id}` and `/users/{name}`.
    Conflict {
        /// The second path.
        path: String,
        /// The path that it conflicts with.
        with: String,
        /// Where the first was declared.
        first: Place,
        /// Where the second was declared.
        second: Place,
    },
    /// A path that can't be one.
    Path {
        /// The path.
        path: String,
        /// What is wrong with it.
        reason: String,
        /// Where it was declared.
        place: Place,
    },
    /// Two pages for the same status.
    DuplicatePage {
        /// The status.
        code: u16,
        /// Where the first was declared.
        first: Place,
        /// Where the second was declared.
        second: Place,
    },
    /// A page for a code that is no error status.
    NoErrorStatus {
        /// The code.
        code: u16,
        /// Where it was declared.
        place: Place,
    },
    /// Assets that are not there.
    NoAssets {
        /// The directory or file.
        directory: PathBuf,
        /// Where they were declared.
        place: Place,
    },
}

/// Checks the paths of a table against each other.
pub(super) fn check<S: Clone + Send + Sync + 'static>(routes: &Routes<S>) -> Result<(), RouteError> {
    let mut hosts: BTreeMap<Option<&str>, Host> = BTreeMap::new();
    for group in &routes.groups {
        let host = hosts.entry(group.host.as_deref()).or_default();
        for route in &group.routes {
            let path = group.path_of(route);
            check_path(&path, route.place)?;
            for method in route.endpoint.methods() {
                host.claim(method, &path, route.place)?;
            }
            host.add(path, route.place)?;
            if let Endpoint::Assets(_) = &route.endpoint {
                let below = format!("{}/{{*file}}", group.path_of(route).trim_end_matches('/'));
                host.add(below, route.place)?;
            }
        }
    }
    Ok(())
}

/// What one host has so far.
#[derive(Default)]
struct Host {
    claimed: BTreeMap<(String, String), Place>,
    paths: BTreeMap<String, Place>,
    tree: matchit::Router<()>,
}

impl Host {
    fn claim(&mut self, method: &Method, path: &str, second: Place) -> Result<(), RouteError> {
        match self.claimed.insert((method.to_string(), path.to_owned()), second) {
            None => Ok(()),
            Some(first) => Err(RouteError::Duplicate {
                method: method.clone(),
                path: path.to_owned(),
                first,
                second,
            }),
        }
    }

    fn add(&mut self, path: String, place: Place) -> Result<(), RouteError> {
        if self.paths.contains_key(&path) {
            return Ok(());
        }
        match self.tree.insert(&path, ()) {
            Ok(()) => {
                self.paths.insert(path, place);
                Ok(())
            }
            Err(matchit::InsertError::Conflict { with }) => Err(RouteError::Conflict {
                first: self.paths.get(&with).copied().unwrap_or(place),
                second: place,
                path,
                with,
            }),
            Err(error) => Err(RouteError::Path {
                path,
                reason: error.to_string(),
                place,
            }),
        }
    }
}

fn check_path(path: &str, place: Place) -> Result<(), RouteError> {
    let wrong = |reason: String| {
        Err(RouteError::Path {
            path: path.to_owned(),
            reason,
            place,
        })
    };
    if !path.starts_with('/') {
        return wrong("a path begins with `/`".to_owned());
    }
    for part in path.split('/') {
        if let Some(name) = part.strip_prefix(':') {
            return wrong(format!("a parameter is written `{{{name}}}`"));
        }
        if let Some(name) = part.strip_prefix('*') {
            return wrong(format!("a wildcard is written `{{*{name}}}`"));
        }
    }
    Ok(())
}

impl fmt::Display for RouteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Duplicate {
                method,
                path,
                first,
                second,
            } => write!(f, "{method} {path} is declared twice: at {first} and at {second}"),
            Self::Conflict {
                path,
                with,
                first,
                second,
            } => write!(f, "{path} at {second} matches the same requests as {with} at {first}"),
            Self::Path { path, reason, place } => write!(f, "{path:?} at {place} is no path: {reason}"),
            Self::DuplicatePage { code, first, second } => {
                write!(
                    f,
                    "the page for status {code} is declared twice: at {first} and at {second}"
                )
            }
            Self::NoErrorStatus { code, place } => {
                write!(f, "a page for status {code} at {place}: only 400 to 599 can have one")
            }
            Self::NoAssets { directory, place } => {
                write!(
                    f,
                    "the assets at {place} are not there: {} does not exist",
                    directory.display()
                )
            }
        }
    }
}

impl std::error::Error for RouteError {}
