//! The route table made into a service.

mod around;
mod check;
mod hosts;
mod limit;
mod outermost;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path as PathParameters, Request, State};
use axum::handler::Handler as _;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodFilter, MethodRouter, any, get, on};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use tower::util::BoxCloneSyncService;

pub(crate) use around::Answered;
use around::Around;
pub use check::RouteError;
use check::{Claims, Level, check_route};
use hosts::Hosts;
use limit::BodyLimit;
use outermost::Outermost;

use crate::dispatch::{Dispatcher, Page, Pages};
use crate::files;
use crate::metrics;
use crate::reply::Reply;
use crate::routes::{Endpoint, Group, Route, Routes};
use crate::scope::Scope;
use crate::websocket::{self, Resumer, Settings, Watch};

/// An application as tower sees it.
pub(crate) type AppService = BoxCloneSyncService<Request, Response, Infallible>;

/// Puts a middleware around the whole application.
pub(crate) type AppLayer = Box<dyn Fn(Router) -> Router + Send>;

/// What the routes of one application share.
pub(crate) struct Assembly<S> {
    pub(crate) dispatcher: Arc<Dispatcher>,
    pub(crate) state: S,
    pub(crate) scope: Scope,
    pub(crate) settings: Arc<Settings>,
    pub(crate) body_limit: usize,
    pub(crate) layers: Vec<AppLayer>,
    /// Whether responses say which route they come from: in `dev` only.
    pub(crate) tells_routes: bool,
    /// Who watches the WebSockets: in `dev` only.
    pub(crate) watch: Option<Watch>,
    /// Filled as the routes are built.
    pub(crate) resumers: RefCell<Vec<Resumer>>,
}

/// The status pages of a table, for its dispatcher.
pub(crate) fn pages<S: Clone + Send + Sync + 'static>(routes: &mut Routes<S>, state: &S) -> Result<Pages, RouteError> {
    let mut pages = Pages::default();
    let mut places = BTreeMap::new();
    for page in std::mem::take(&mut routes.pages) {
        let status = page.status().ok_or(RouteError::NoErrorStatus {
            code: page.code,
            place: page.place,
        })?;
        if let Some(first) = places.insert((status, page.prefix.clone()), page.place) {
            return Err(RouteError::DuplicatePage {
                code: page.code,
                first,
                second: page.place,
            });
        }
        let page = Page {
            prefix: page.prefix,
            controller: page.controller,
            service: BoxCloneSyncService::new(page.handler.with_state(state.clone())),
        };
        pages.add(status, page);
    }
    Ok(pages)
}

/// Builds the service of a table.
pub(crate) fn build<S: Clone + Send + Sync + 'static>(
    routes: &Routes<S>,
    assembly: &Assembly<S>,
) -> Result<AppService, RouteError> {
    let mut hosts: BTreeMap<Option<&str>, Host<'_, S>> = BTreeMap::new();
    hosts.entry(None).or_default();
    for group in &routes.groups {
        let host = hosts.entry(group.host.as_deref()).or_default();
        for route in &group.routes {
            check_route(group, route)?;
            host.add(assembly.resolve(group, route)?)?;
        }
    }
    let any = hosts.remove(&None).unwrap_or_default().router(assembly, None)?;
    let own = hosts
        .into_iter()
        .filter_map(|(name, host)| Some((name?.to_owned(), host)));
    let own = own
        .map(|(name, host)| Ok((name, host.router(assembly, Some(&any))?)))
        .collect::<Result<_, RouteError>>()?;
    let service = |router: Router| assembly.layers.iter().rev().fold(router, |inner, layer| layer(inner));
    let own: BTreeMap<String, Router> = own;
    let own = own.into_iter().map(|(name, router)| (name, service(router))).collect();
    Ok(BoxCloneSyncService::new(Outermost {
        dispatcher: Arc::clone(&assembly.dispatcher),
        hosts: Arc::new(Hosts::new(own, service(any))),
    }))
}

/// A route with all that axum is to be told of it.
struct Resolved<'a, S> {
    path: String,
    group: &'a Group<S>,
    route: &'a Route<S>,
    router: MethodRouter<S>,
}

/// The routes of one host.
struct Host<'a, S> {
    claims: Claims,
    paths: BTreeMap<String, Vec<Resolved<'a, S>>>,
}

impl<S> Default for Host<'_, S> {
    fn default() -> Self {
        Self {
            claims: Claims::default(),
            paths: BTreeMap::new(),
        }
    }
}

impl<'a, S: Clone + Send + Sync + 'static> Host<'a, S> {
    fn add(&mut self, resolved: Resolved<'a, S>) -> Result<(), RouteError> {
        let claims = resolved.route.endpoint.claims();
        self.claims.claim(claims, &resolved.path, resolved.route.place)?;
        self.paths.entry(resolved.path.clone()).or_default().push(resolved);
        Ok(())
    }

    /// The router: its paths, each with OPTIONS and 405, then those of any host, then 404.
    fn router(self, assembly: &Assembly<S>, any: Option<&Router>) -> Result<Router, RouteError> {
        let levels = self.claims.levels()?;
        let mut first = Router::new();
        // A parameter is preferred to a wildcard in the same place, which one tree can't tell apart.
        let mut second = Router::new();
        for (path, routes) in self.paths {
            let endpoint = assembly.path(routes);
            match levels.get(&path) {
                Some(Level::Second) => second = second.route(&path, endpoint),
                _ => first = first.route(&path, endpoint),
            }
        }
        let last = any.cloned().unwrap_or_else(|| assembly.not_found());
        let second = second.with_state(assembly.state.clone()).fallback_service(last);
        Ok(first.with_state(assembly.state.clone()).fallback_service(second))
    }
}

impl<S: Clone + Send + Sync + 'static> Assembly<S> {
    fn around(&self, path: &str, controller: Option<&'static str>, group: &Group<S>) -> Around<S> {
        Around::new(
            Arc::clone(&self.dispatcher),
            self.state.clone(),
            controller,
            group.fallback.clone(),
            group.guards.clone(),
            metrics::Requests::new(path),
            self.tells_routes.then(|| Answered {
                route: path.into(),
                controller,
            }),
        )
    }

    /// Dispatch alone, for answers of the framework's own.
    fn dispatched(&self) -> Around<S> {
        let requests = metrics::Requests::new("unmatched");
        Around::new(
            Arc::clone(&self.dispatcher),
            self.state.clone(),
            None,
            None,
            Vec::new(),
            requests,
            None,
        )
    }

    /// 404 for everything.
    fn not_found(&self) -> Router {
        let page = any(async || Reply::status(StatusCode::NOT_FOUND)).layer(self.dispatched());
        Router::new().fallback_service(page.with_state(self.state.clone()))
    }

    /// A route with its onion, innermost first: security and dispatch, the group's middleware, the limit.
    fn resolve<'a>(&self, group: &'a Group<S>, route: &'a Route<S>) -> Result<Resolved<'a, S>, RouteError> {
        let (path, router) = self.endpoint(group.path_of(route), group, route)?;
        let router = router.layer(self.around(&path, route.name, group));
        Ok(Resolved {
            path,
            group,
            route,
            router: self.in_group(group, router),
        })
    }

    /// Puts what a group has in common around an endpoint. The first middleware that was declared is the outermost.
    fn in_group(&self, group: &Group<S>, endpoint: MethodRouter<S>) -> MethodRouter<S> {
        let endpoint = group.layers.iter().rev().fold(endpoint, |inner, layer| layer(inner));
        // Axum's own limit is for some extractors only.
        let endpoint = endpoint.layer(DefaultBodyLimit::disable());
        endpoint.layer(BodyLimit(group.body_limit.unwrap_or(self.body_limit)))
    }

    /// What axum calls for a route, and at which path.
    fn endpoint(
        &self,
        path: String,
        group: &Group<S>,
        route: &Route<S>,
    ) -> Result<(String, MethodRouter<S>), RouteError> {
        match &route.endpoint {
            Endpoint::Http { router, .. } => Ok((path, MethodRouter::clone(router))),
            Endpoint::WebSocket(endpoint) => {
                let answer = Arc::clone(&endpoint.answer);
                let settings = Arc::clone(&self.settings);
                let route = Arc::new(websocket::Route::new(group.host.as_deref(), &path, self.watch.as_ref()));
                self.resumers.borrow_mut().push(Resumer {
                    route: Arc::clone(&route),
                    handler: endpoint.handler,
                    resume: endpoint.resume,
                });
                // Over HTTP/2 a WebSocket begins with CONNECT.
                let methods = match cfg!(feature = "http2") {
                    true => MethodFilter::GET.or(MethodFilter::CONNECT),
                    false => MethodFilter::GET,
                };
                let endpoint = on(methods, async move |State(state): State<S>, request: Request| {
                    let (parts, _) = request.into_parts();
                    answer(parts, state, Arc::clone(&settings), Arc::clone(&route)).await
                });
                Ok((path, endpoint))
            }
            Endpoint::Assets(directory) => {
                let place = self.scope.0.config.root().join(directory);
                if place.is_dir() {
                    return Ok((
                        format!("{}/{{*file}}", path.trim_end_matches('/')),
                        directory_endpoint(place),
                    ));
                }
                if place.is_file() {
                    return Ok((path, file_endpoint(&place)));
                }
                Err(RouteError::NoAssets {
                    directory: place,
                    place: route.place,
                })
            }
        }
    }

    /// All that one path answers: its routes, OPTIONS, and 405 for other methods. The last two are in the group that
    /// declared the path first, so that its middleware sees them.
    fn path(&self, routes: Vec<Resolved<'_, S>>) -> MethodRouter<S> {
        let listed: Vec<Method> = routes
            .iter()
            .flat_map(|route| route.route.endpoint.methods())
            .cloned()
            .collect();
        let group = routes.first().map(|first| first.group);
        let mut path = MethodRouter::new();
        for route in routes {
            path = path.merge(route.router);
        }
        let Some(group) = group else {
            return path;
        };
        let allow = allow(&listed);
        if !listed.contains(&Method::OPTIONS) {
            let allow = allow.clone();
            let answer = async move || (StatusCode::NO_CONTENT, [(header::ALLOW, allow)]);
            path = path.merge(self.in_group(group, axum::routing::options(answer)));
        }
        let not_allowed = async move || ([(header::ALLOW, allow)], Reply::status(StatusCode::METHOD_NOT_ALLOWED));
        let not_allowed = any(not_allowed.layer(self.dispatched()));
        path.fallback_service(self.in_group(group, not_allowed).with_state(self.state.clone()))
    }
}

/// The header `allow`: what is declared, and what follows from it.
fn allow(listed: &[Method]) -> HeaderValue {
    let mut names: Vec<_> = listed.iter().map(Method::as_str).collect();
    if names.contains(&"GET") && !names.contains(&"HEAD") {
        names.push("HEAD");
    }
    if !names.contains(&"OPTIONS") {
        names.push("OPTIONS");
    }
    // Names of methods are tokens.
    HeaderValue::try_from(names.join(", ")).unwrap_or(HeaderValue::from_static("OPTIONS"))
}

fn directory_endpoint<S: Clone + Send + Sync + 'static>(root: PathBuf) -> MethodRouter<S> {
    get(
        async move |PathParameters(file): PathParameters<String>, method: Method, headers: HeaderMap| {
            match files::locate(root, file.into()).await {
                Some(file) => files::send(&file, &method, &headers).await,
                None => Reply::status(StatusCode::NOT_FOUND).into_response(),
            }
        },
    )
}

fn file_endpoint<S: Clone + Send + Sync + 'static>(file: &Path) -> MethodRouter<S> {
    let file = file.to_path_buf();
    get(async move |method: Method, headers: HeaderMap| files::send(&file, &method, &headers).await)
}
