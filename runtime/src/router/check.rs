//! What is wrong with a route table, found before it is used, with the places where it was declared.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::Location;
use std::path::PathBuf;

use http::Method;

use crate::routes::{Group, Route, StatusPage};

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

    /// The paths by the trees that they are looked for in, one tree after another: what is preferred is in an earlier
    /// one, or in the same. Most tables have one tree; a parameter and a wildcard in the same place need two.
    pub(super) fn trees(&self) -> Result<Vec<Vec<String>>, RouteError> {
        let mut paths: Vec<_> = self
            .paths
            .iter()
            .map(|(path, place)| (pattern(path), path, *place))
            .collect();
        paths.sort_by_cached_key(|(pattern, ..)| pattern.iter().copied().map(Symbol::rank).collect::<Vec<_>>());
        let mut seen: BTreeMap<Vec<Symbol>, (&String, Place)> = BTreeMap::new();
        let mut trees = Vec::new();
        let mut tree = (matchit::Router::new(), Vec::new());
        for (pattern, path, place) in paths {
            if let Some((other, other_place)) = seen.insert(pattern, (path, place)) {
                return Err(conflict((other, other_place), (path, place)));
            }
            match tree.0.insert(path, ()) {
                Ok(()) => {}
                Err(matchit::InsertError::Conflict { .. }) => {
                    let mut next = matchit::Router::new();
                    next.insert(path, ()).map_err(|error| no_path(path, &error, place))?;
                    trees.push(std::mem::replace(&mut tree, (next, Vec::new())).1);
                }
                Err(error) => return Err(no_path(path, &error, place)),
            }
            tree.1.push(path.clone());
        }
        trees.push(tree.1);
        Ok(trees)
    }
}

/// A path as a router sees it: the names of its parameters say nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Symbol {
    Literal(char),
    Parameter,
    Wildcard,
}

impl Symbol {
    /// The lower, the more it is preferred to another in the same place.
    fn rank(self) -> u8 {
        match self {
            Self::Literal(_) => 0,
            Self::Parameter => 1,
            Self::Wildcard => 2,
        }
    }
}

/// What a path is made of. One that is no path gives something.
fn pattern(path: &str) -> Vec<Symbol> {
    let mut symbols = Vec::new();
    let mut rest = path;
    while let Some(char) = rest.chars().next() {
        rest = &rest[char.len_utf8()..];
        let symbol = match char {
            // A brace that is doubled is itself.
            '{' | '}' if rest.starts_with(char) => {
                rest = &rest[1..];
                Symbol::Literal(char)
            }
            '{' => {
                let (name, after) = rest.split_once('}').unwrap_or((rest, ""));
                rest = after;
                match name.starts_with('*') {
                    true => Symbol::Wildcard,
                    false => Symbol::Parameter,
                }
            }
            literal => Symbol::Literal(literal),
        };
        symbols.push(symbol);
    }
    symbols
}

/// Two paths that match the same, in the order of their declaration.
fn conflict(one: (&String, Place), other: (&String, Place)) -> RouteError {
    let in_order = one.1.file() != other.1.file() || one.1.line() <= other.1.line();
    let ((with, first), (path, second)) = if in_order { (one, other) } else { (other, one) };
    RouteError::Conflict {
        path: path.clone(),
        with: with.clone(),
        first,
        second,
    }
}

fn no_path(path: &str, error: &matchit::InsertError, place: Place) -> RouteError {
    RouteError::Path {
        path: path.to_owned(),
        reason: error.to_string(),
        place,
    }
}

/// Checks what is written of a route by itself.
pub(super) fn check_route(group: &Group, route: &Route) -> Result<(), RouteError> {
    check_path(&group.prefix, route.place)?;
    check_path(&route.path, route.place)
}

/// Checks what is written of a status page by itself.
pub(super) fn check_page(page: &StatusPage<()>) -> Result<(), RouteError> {
    check_path(&page.prefix, page.place)
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
