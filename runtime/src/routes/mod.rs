//! The route table: data, until the application starts.

mod controller;
mod endpoint;
mod group;
mod name;
mod slashes;
#[cfg(feature = "openapi")]
mod typed;

use std::panic::Location;
use std::sync::Arc;

use axum::response::IntoResponse;
use http::StatusCode;

pub use controller::IntoController;
pub(crate) use controller::{Answering, Controller, erased};
pub(crate) use endpoint::{Endpoint, Guard, Route};
pub use group::Group;
pub(crate) use name::{in_type, of_layer};
pub(crate) use slashes::TrailingSlash;
#[cfg(feature = "openapi")]
pub use typed::{Typed, typed};

use crate::fallback::{Fallback, Invalid};
use crate::registry::RequestContext;

/// What an application answers: groups of routes, and pages for statuses.
///
/// `S` is the application's state, which its controllers extract with `State`.
///
/// ```
/// use nova::prelude::*;
///
/// mod controllers {
///     pub mod pages {
///         use nova::prelude::*;
///
///         pub async fn about() -> Reply { Reply::view(json!({})) }
///         pub async fn not_found() -> Reply { Reply::view_named("not_found", json!({})) }
///     }
/// }
/// use controllers::pages;
///
/// pub fn routes(environment: &Environment) -> Routes {
///     let routes = Routes::new()
///         .group(Group::new("/").get("/about", pages::about))
///         .status(404, pages::not_found);
///     if environment.is_dev() {
///         routes.group(Group::new("/dev").get("/ping", async || "pong"))
///     } else {
///         routes
///     }
/// }
/// ```
#[must_use]
pub struct Routes<S = ()> {
    pub(crate) groups: Vec<Group<S>>,
    pub(crate) pages: Vec<StatusPage<S>>,
    fallback: Option<Fallback>,
}

/// Gives the application's state, to each that asks one of its own.
pub(crate) type Supply<S> = Arc<dyn Fn() -> S + Send + Sync>;

/// A controller for a status.
pub(crate) struct StatusPage<S> {
    /// Of the paths that it is for.
    pub(crate) prefix: String,
    pub(crate) code: u16,
    pub(crate) controller: Option<&'static str>,
    pub(crate) handler: Arc<dyn Controller<S>>,
    pub(crate) place: &'static Location<'static>,
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// An empty table.
    pub fn new() -> Self {
        Self {
            groups: Vec::new(),
            pages: Vec::new(),
            fallback: None,
        }
    }

    /// Adds a group.
    pub fn group(mut self, group: Group<S>) -> Self {
        self.groups.push(group);
        self
    }

    /// Adds another table below a prefix: a part of the application that is written on its own. Its status pages are
    /// for what is below the prefix; this table's are for everything, where no mounted one has its own. Its fallback is
    /// for its own groups.
    pub fn mount(mut self, prefix: &str, mut routes: Self) -> Self {
        routes.give_fallback();
        self.groups
            .extend(routes.groups.into_iter().map(|group| group.below(prefix)));
        self.pages.extend(routes.pages.into_iter().map(|page| StatusPage {
            prefix: group::joined(prefix, &page.prefix),
            ..page
        }));
        self
    }

    /// Declares the page for a status: a controller that is called wherever a response has that status and no body, be
    /// it a path that does not exist, a denial, or a controller's `Reply::status`. What it replies is sent with that
    /// status, unless it sets another.
    #[track_caller]
    pub fn status<H, T>(mut self, code: u16, controller: H) -> Self
    where
        H: IntoController<T, S>,
        T: 'static,
    {
        self.pages.push(StatusPage {
            prefix: String::new(),
            code,
            controller: name::of::<H>(),
            handler: erased(controller).into(),
            place: Location::caller(),
        });
        self
    }

    /// Names the fallback controller for the groups of this table, also of those that are mounted on it, that have none of
    /// their own: see [`Group::fallback`]. A table that can be mounted brings its own with it.
    pub fn fallback<F, Fut>(mut self, resolve: F) -> Self
    where
        F: Fn(RequestContext, Invalid) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoResponse> + Send + 'static,
    {
        self.fallback = Some(Fallback::new(resolve));
        self
    }

    fn give_fallback(&mut self) {
        for group in &mut self.groups {
            group.fallback = group.fallback.take().or_else(|| self.fallback.clone());
        }
    }

    /// Gives every controller its state. What follows is the same for applications of any state, so it is compiled with
    /// this crate and not with each of them.
    pub(crate) fn with_state(mut self, state: &Supply<S>) -> Routes {
        self.give_fallback();
        let groups = self.groups.into_iter().map(|group| group.with_state(state));
        let pages = self.pages.into_iter().map(|page| StatusPage {
            prefix: page.prefix,
            code: page.code,
            controller: page.controller,
            handler: controller::bound(page.handler, state),
            place: page.place,
        });
        Routes {
            groups: groups.collect(),
            pages: pages.collect(),
            fallback: None,
        }
    }
}

impl<S: Clone + Send + Sync + 'static> Default for Routes<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> StatusPage<S> {
    /// The code, when it is one that a page can have.
    pub(crate) fn status(&self) -> Option<StatusCode> {
        StatusCode::from_u16(self.code)
            .ok()
            .filter(|status| status.is_client_error() || status.is_server_error())
    }
}
