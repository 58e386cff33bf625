//! What is wrong with a route table, found before it is used, with the places where it was declared.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::Location;
use std::path::PathBuf;

use http::Method;

use crate::routes::{Group, Route};

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

/// What the routes of one host lay claim to.
#[derive(Default)]
pub(super) struct Claims {
    methods: BTreeMap<(String, String), Place>,
    paths: BTreeMap<String, Place>,
}

/// Which of two trees a path is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// That of most paths.
    First,
    /// That of wildcards that would be in the way of a parameter.
    Second,
}

impl Claims {
    /// Claims a path for these methods.
    pub(super) fn claim(&mut self, methods: &[Method], path: &str, second: Place) -> Result<(), RouteError> {
        for method in methods {
            if let Some(first) = self.methods.insert((method.to_string(), path.to_owned()), second) {
                return Err(RouteError::Duplicate {
                    method: method.clone(),
                    path: path.to_owned(),
                    first,
                    second,
                });
            }
        }
        self.paths.entry(path.to_owned()).or_insert(second);
        Ok(())
    }

    /// Gives each path a tree where nothing is in its way.
    pub(super) fn levels(&self) -> Result<BTreeMap<String, Level>, RouteError> {
        let mut levels = BTreeMap::new();
        let mut trees = [matchit::Router::new(), matchit::Router::new()];
        // Wildcards last: whatever the order of declaration, it is they who make way.
        let (wildcards, plain): (Vec<_>, Vec<_>) = self.paths.iter().partition(|(path, _)| path.contains("{*"));
        for (path, place) in plain {
            self.insert(&mut trees[0], path, place)?;
        }
        for (path, place) in wildcards {
            let level = match self.insert(&mut trees[0], path, place) {
                Ok(()) => Level::First,
                Err(RouteError::Conflict { with, .. }) if !with.contains("{*") => {
                    self.insert(&mut trees[1], path, place)?;
                    Level::Second
                }
                Err(error) => return Err(error),
            };
            levels.insert(path.clone(), level);
        }
        Ok(levels)
    }

    fn insert(&self, tree: &mut matchit::Router<()>, path: &str, place: Place) -> Result<(), RouteError> {
        match tree.insert(path, ()) {
            Ok(()) => Ok(()),
            Err(matchit::InsertError::Conflict { with }) => {
                let other = self.paths.get(&with).copied().unwrap_or(place);
                // The paths come in alphabetical order here; in the message, in that of declaration.
                let ((with, first), (path, second)) = match (other.line(), place.line()) {
                    (other_line, line) if other_line <= line => ((with, other), (path.to_owned(), place)),
                    _ => ((path.to_owned(), place), (with, other)),
                };
                Err(RouteError::Conflict {
                    path,
                    with,
                    first,
                    second,
                })
            }
            Err(error) => Err(RouteError::Path {
                path: path.to_owned(),
                reason: error.to_string(),
                place,
            }),
        }
    }
}

/// Checks what is written of a route by itself.
pub(super) fn check_route(group: &Group, route: &Route) -> Result<(), RouteError> {
    check_path(&group.prefix, route.place)?;
    check_path(&route.path, route.place)
}

fn check_path(path: &str, place: Place) -> Result<(), RouteError> {
    let wrong = |reason: String| {
        Err(RouteError::Path {
            path: path.to_owned(),
            reason,
            place,
        })
    };
    if !path.is_empty() && !path.starts_with('/') {
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
