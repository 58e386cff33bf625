//! The route table made into a service.

mod around;
mod check;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path as PathParameters, Request, State};
use axum::handler::Handler as _;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, any, get};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use tower::util::BoxCloneSyncService;
use tower::{Layer as _, ServiceExt as _, service_fn};
use tower_http::normalize_path::NormalizePathLayer;

use around::Around;
pub use check::RouteError;

use crate::dispatch::{Dispatcher, Page};
use crate::files;
use crate::reply::Reply;
use crate::routes::{Endpoint, Route, Routes};
use crate::scope::Scope;
use crate::websocket::Settings;

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
    pub(crate) layers: Vec<AppLayer>,
}

/// The status pages of a table, for its dispatcher.
pub(crate) fn pages<S: Clone + Send + Sync + 'static>(
    routes: &mut Routes<S>,
    state: &S,
) -> Result<BTreeMap<StatusCode, Page>, RouteError> {
    let mut pages = BTreeMap::new();
    let mut places = BTreeMap::new();
    for page in std::mem::take(&mut routes.pages) {
        let status = page.status().ok_or(RouteError::NoErrorStatus {
            code: page.code,
            place: page.place,
        })?;
        if let Some(first) = places.insert(status, page.place) {
            return Err(RouteError::DuplicatePage {
                code: page.code,
                first,
                second: page.place,
            });
        }
        let service = BoxCloneSyncService::new(page.handler.with_state(state.clone()));
        let controller = page.controller;
        pages.insert(status, Page { controller, service });
    }
    Ok(pages)
}

/// Builds the service of a table.
pub(crate) fn build<S: Clone + Send + Sync + 'static>(
    routes: &Routes<S>,
    assembly: &Assembly<S>,
) -> Result<AppService, RouteError> {
    check::check(routes)?;
    let mut hosts: BTreeMap<Option<String>, Paths<S>> = BTreeMap::new();
    hosts.entry(None).or_default();
    for group in &routes.groups {
        let paths = hosts.entry(group.host.clone()).or_default();
        for route in &group.routes {
            let around = assembly.around(route.name, group);
            let (path, endpoint) = assembly.endpoint(group.path_of(route), route)?;
            // The first that was declared becomes the outermost.
            let endpoint = group
                .layers
                .iter()
                .rev()
                .fold(endpoint.layer(around), |inner, layer| layer(inner));
            paths.entry(path).or_default().add(endpoint, route.endpoint.methods());
        }
    }
    let services = hosts
        .into_iter()
        .map(|(host, paths)| (host, assembly.host(paths)))
        .collect();
    let service = NormalizePathLayer::trim_trailing_slash().layer(by_host(services));
    Ok(BoxCloneSyncService::new(service))
}

/// The paths of one host.
type Paths<S> = BTreeMap<String, Methods<S>>;

/// What one path answers.
struct Methods<S> {
    router: MethodRouter<S>,
    listed: Vec<Method>,
}

impl<S: Clone> Default for Methods<S> {
    fn default() -> Self {
        Self {
            router: MethodRouter::new(),
            listed: Vec::new(),
        }
    }
}

impl<S: Clone> Methods<S> {
    fn add(&mut self, endpoint: MethodRouter<S>, methods: &[Method]) {
        self.router = std::mem::take(&mut self.router).merge(endpoint);
        self.listed.extend_from_slice(methods);
    }

    /// The header `allow`: what is declared, and what follows from it.
    fn allow(&self) -> HeaderValue {
        let mut names: Vec<_> = self.listed.iter().map(Method::as_str).collect();
        if names.contains(&"GET") && !names.contains(&"HEAD") {
            names.push("HEAD");
        }
        if !names.contains(&"OPTIONS") {
            names.push("OPTIONS");
        }
        // Names of methods are tokens.
        HeaderValue::try_from(names.join(", ")).unwrap_or(HeaderValue::from_static("OPTIONS"))
    }
}

impl<S: Clone + Send + Sync + 'static> Assembly<S> {
    fn around(&self, controller: Option<&'static str>, group: &crate::routes::Group<S>) -> Around<S> {
        Around::new(
            Arc::clone(&self.dispatcher),
            self.scope.clone(),
            self.state.clone(),
            controller,
            group.fallback.clone(),
            group.guard.clone(),
        )
    }

    /// Dispatch alone, for answers of the framework's own.
    fn dispatched(&self) -> Around<S> {
        Around::new(
            Arc::clone(&self.dispatcher),
            self.scope.clone(),
            self.state.clone(),
            None,
            None,
            None,
        )
    }

    /// What axum calls for a route, and at which path.
    fn endpoint(&self, path: String, route: &Route<S>) -> Result<(String, MethodRouter<S>), RouteError> {
        match &route.endpoint {
            Endpoint::Http { router, .. } => Ok((path, MethodRouter::clone(router))),
            Endpoint::WebSocket(answer) => {
                let (answer, settings) = (Arc::clone(answer), Arc::clone(&self.settings));
                let endpoint = get(async move |State(state): State<S>, request: Request| {
                    let (parts, _) = request.into_parts();
                    answer(parts, state, settings).await
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

    /// The service of one host: its paths, each with OPTIONS and 405, and 404 for all others.
    fn host(&self, paths: Paths<S>) -> Router {
        let mut router = Router::new();
        for (path, methods) in paths {
            let allow = methods.allow();
            let has_options = methods.listed.contains(&Method::OPTIONS);
            let mut endpoint = methods.router;
            if !has_options {
                let allow = allow.clone();
                endpoint = endpoint.options(async move || (StatusCode::NO_CONTENT, [(header::ALLOW, allow)]));
            }
            let not_allowed = async move || {
                let page = Reply::status(StatusCode::METHOD_NOT_ALLOWED);
                ([(header::ALLOW, allow)], page)
            };
            router = router.route(&path, endpoint.fallback(not_allowed.layer(self.dispatched())));
        }
        let not_found = async || Reply::status(StatusCode::NOT_FOUND);
        let router = router.fallback_service(any(not_found).layer(self.dispatched()).with_state(self.state.clone()));
        let router = router.with_state(self.state.clone());
        self.layers.iter().rev().fold(router, |inner, layer| layer(inner))
    }
}

/// The service for the request's host, or the one for any.
fn by_host(mut hosts: BTreeMap<Option<String>, Router>) -> AppService {
    let any_host = hosts.remove(&None).unwrap_or_default();
    if hosts.is_empty() {
        return BoxCloneSyncService::new(any_host.into_service());
    }
    let hosts: Arc<BTreeMap<String, Router>> = Arc::new(
        hosts
            .into_iter()
            .filter_map(|(host, router)| Some((host?, router)))
            .collect(),
    );
    BoxCloneSyncService::new(service_fn(move |request: Request| {
        let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
        let host = host.map(|host| {
            host.rsplit_once(':')
                .map_or(host, |(name, _)| name)
                .to_ascii_lowercase()
        });
        let router = host.and_then(|host| hosts.get(&host)).unwrap_or(&any_host).clone();
        router.oneshot(request)
    }))
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
