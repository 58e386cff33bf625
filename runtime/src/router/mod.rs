//! The route table made into a service.

mod around;
mod check;
mod encoding;
mod hosts;
mod limit;
mod literal;
mod outermost;
mod service;
mod slashes;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path as PathParameters, Request};
use axum::middleware::from_fn;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodFilter, MethodRouter, any_service, on_service};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use tower::Service;
use tower::util::BoxCloneSyncService;

pub(crate) use around::Answered;
use around::{Innermost, around, called};
pub use check::RouteError;
use check::{Claims, check_page, check_route};
use hosts::{Hosts, Table};
use limit::BodyLimit;
use literal::Literals;
use outermost::Outermost;
pub(crate) use service::AppService;

use crate::csrf::Csrf;
use crate::dispatch::{Dispatcher, Page, Pages};
use crate::files;
use crate::metrics;
use crate::negotiate::codings;
use crate::reply::Reply;
use crate::routes::{Controller, Endpoint, Group, Route, Routes, TrailingSlash, erased};
use crate::scope::Scope;
use crate::session::Sessions;
use crate::websocket::{self, Resumer, Settings, Watch};

/// A middleware of the whole application.
pub(crate) struct AppLayer {
    /// Of the layer.
    pub(crate) type_name: &'static str,
    /// Puts it around everything.
    pub(crate) apply: Box<dyn Fn(Router) -> Router + Send>,
}

/// What the routes of one application share.
pub(crate) struct Assembly {
    pub(crate) dispatcher: Arc<Dispatcher>,
    pub(crate) scope: Scope,
    pub(crate) settings: Arc<Settings>,
    pub(crate) body_limit: usize,
    pub(crate) slashes: TrailingSlash,
    /// Where the application has them.
    pub(crate) sessions: Option<Arc<Sessions>>,
    pub(crate) csrf: Arc<Csrf>,
    pub(crate) layers: Vec<AppLayer>,
    /// Whether responses say which route they come from: in `dev` only.
    pub(crate) tells_routes: bool,
    /// Who watches the WebSockets: in `dev` only.
    pub(crate) watch: Option<Watch>,
    /// Filled as the routes are built.
    pub(crate) resumers: RefCell<Vec<Resumer>>,
}

/// The status pages of a table, for its dispatcher.
pub(crate) fn pages(routes: &mut Routes) -> Result<Pages, RouteError> {
    let mut pages = Pages::default();
    let mut places = BTreeMap::new();
    for page in std::mem::take(&mut routes.pages) {
        check_page(&page)?;
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
            service: BoxCloneSyncService::new(any_service(called(page.handler))),
        };
        pages.add(status, page);
    }
    Ok(pages)
}

/// Builds the service of a table.
pub(crate) fn build(routes: &Routes, assembly: &Assembly) -> Result<AppService, RouteError> {
    let mut hosts: BTreeMap<Option<&str>, Host<'_>> = BTreeMap::new();
    hosts.entry(None).or_default();
    for group in &routes.groups {
        let host = hosts.entry(group.host.as_deref()).or_default();
        for route in &group.routes {
            check_route(group, route)?;
            host.add(assembly.resolve(group, route)?)?;
        }
    }
    let any = hosts.remove(&None).unwrap_or_default().table(assembly, None)?;
    let own = hosts
        .into_iter()
        .filter_map(|(name, host)| Some((name?.to_owned(), host)));
    let own: BTreeMap<String, Table> = own
        .map(|(name, host)| Ok((name, host.table(assembly, Some(&any.router))?)))
        .collect::<Result<_, RouteError>>()?;
    let layered = |Table { literals, router }: Table| {
        let router = match assembly.slashes {
            TrailingSlash::Redirect => router.layer(from_fn(slashes::redirect)),
            TrailingSlash::Ignore | TrailingSlash::Strict => router,
        };
        let layers = assembly.layers.iter().rev();
        let router = layers.fold(router, |inner, layer| (layer.apply)(inner));
        Table { literals, router }
    };
    let own = own.into_iter().map(|(name, table)| (name, layered(table))).collect();
    Ok(AppService::new(Outermost {
        dispatcher: Arc::clone(&assembly.dispatcher),
        hosts: Arc::new(Hosts::new(own, layered(any))),
        sessions: assembly.sessions.clone(),
        ignores_slashes: assembly.slashes == TrailingSlash::Ignore,
    }))
}

/// A route with all that axum is to be told of it.
struct Resolved<'a> {
    path: String,
    group: &'a Group,
    route: &'a Route,
    innermost: Arc<Innermost>,
    router: MethodRouter,
}

/// What a path leads to.
type Target = (String, MethodFilter, Arc<dyn Controller<()>>);

/// The routes of one host.
#[derive(Default)]
struct Host<'a> {
    claims: Claims,
    paths: BTreeMap<String, Vec<Resolved<'a>>>,
}

impl<'a> Host<'a> {
    fn add(&mut self, resolved: Resolved<'a>) -> Result<(), RouteError> {
        let claims = resolved.route.endpoint.claims();
        self.claims.claim(claims, &resolved.path, resolved.route.place)?;
        self.paths.entry(resolved.path.clone()).or_default().push(resolved);
        Ok(())
    }

    /// The router: its paths, each with OPTIONS and 405, then those of any host, then 404. Beside it those of its routes that
    /// can be found without it.
    fn table(self, assembly: &Assembly, any: Option<&Router>) -> Result<Table, RouteError> {
        let mut literals = Literals::default();
        let found_at_once = self.paths.values().flatten();
        for route in found_at_once.filter(|route| !assembly.has_middleware() && route.group.layers.is_empty()) {
            let methods = route.route.endpoint.methods();
            literals.add(&route.path, methods, &route.innermost, &assembly.scope);
        }
        let mut paths = self.paths;
        let mut next = any.cloned().unwrap_or_else(|| assembly.not_found());
        for tree in self.claims.trees()?.into_iter().rev() {
            let mut router = Router::new();
            for path in tree {
                if let Some(routes) = paths.remove(&path) {
                    router = router.route(&path, assembly.path(routes));
                }
            }
            next = router.fallback_service(next);
        }
        Ok(Table { literals, router: next })
    }
}

impl Assembly {
    /// Whether something is around all routes.
    fn has_middleware(&self) -> bool {
        !self.layers.is_empty() || self.slashes == TrailingSlash::Redirect
    }

    /// A controller of the framework's own, with dispatch alone around it.
    fn dispatched(
        &self,
        group: Option<&Group>,
        controller: Arc<dyn Controller<()>>,
    ) -> impl Service<Request, Response = Response, Error = Infallible, Future: Send + 'static> + Clone + Send + Sync + use<>
    {
        around(Arc::new(Innermost {
            dispatcher: Arc::clone(&self.dispatcher),
            name: None,
            controller,
            fallback: None,
            limit: group.and_then(|group| self.inner_limit(group)),
            csrf: None,
            guards: Vec::new(),
            requests: metrics::Requests::new("unmatched"),
            answered: None,
        }))
    }

    /// 404 for everything.
    fn not_found(&self) -> Router {
        let page = erased(async || Reply::status(StatusCode::NOT_FOUND));
        Router::new().fallback_service(any_service(self.dispatched(None, page.into())))
    }

    /// A route with its onion, innermost first: security and dispatch, the group's middleware, the limit.
    fn resolve<'a>(&self, group: &'a Group, route: &'a Route) -> Result<Resolved<'a>, RouteError> {
        let (path, methods, controller) = self.endpoint(group.path_of(route, self.slashes), group, route)?;
        let innermost = Arc::new(Innermost {
            dispatcher: Arc::clone(&self.dispatcher),
            name: route.name,
            controller,
            fallback: group.fallback.clone(),
            limit: self.inner_limit(group),
            csrf: group.csrf.then(|| Arc::clone(&self.csrf)),
            guards: group.guards.clone(),
            requests: metrics::Requests::new(&path),
            answered: self.tells_routes.then(|| Answered {
                route: path.as_str().into(),
                controller: route.name,
            }),
        });
        Ok(Resolved {
            path: encoding::declared(&path),
            group,
            route,
            router: self.in_group(group, on_service(methods, around(Arc::clone(&innermost)))),
            innermost,
        })
    }

    /// Puts what a group has in common around an endpoint. The first middleware that was declared is the outermost.
    fn in_group(&self, group: &Group, endpoint: MethodRouter) -> MethodRouter {
        if group.layers.is_empty() {
            return endpoint;
        }
        let layers = group.layers.iter().rev();
        let endpoint = layers.fold(endpoint, |inner, layer| (layer.apply)(inner));
        endpoint.layer(self.limit(group))
    }

    /// The limit where no middleware has to be inside of it: each layer costs a request two allocations.
    fn inner_limit(&self, group: &Group) -> Option<BodyLimit> {
        group.layers.is_empty().then(|| self.limit(group))
    }

    fn limit(&self, group: &Group) -> BodyLimit {
        BodyLimit(group.body_limit.unwrap_or(self.body_limit))
    }

    /// What is called for a route, at which path, and for which methods.
    fn endpoint(&self, path: String, group: &Group, route: &Route) -> Result<Target, RouteError> {
        match &route.endpoint {
            Endpoint::Http { filter, controller, .. } => Ok((path, *filter, Arc::clone(controller))),
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
                let endpoint = async move |request: Request| {
                    let (parts, _) = request.into_parts();
                    answer(parts, (), Arc::clone(&settings), Arc::clone(&route)).await
                };
                Ok((path, methods, erased(endpoint).into()))
            }
            Endpoint::Assets(directory) => {
                let place = self.scope.0.config.root().join(directory);
                if place.is_dir() {
                    let path = format!("{}/{{*file}}", path.trim_end_matches('/'));
                    return Ok((path, MethodFilter::GET, directory_endpoint(place).into()));
                }
                if place.is_file() {
                    return Ok((path, MethodFilter::GET, file_endpoint(&place).into()));
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
    fn path(&self, routes: Vec<Resolved<'_>>) -> MethodRouter {
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
        let not_allowed = any_service(self.dispatched(Some(group), erased(not_allowed).into()));
        path.fallback_service(self.in_group(group, not_allowed))
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

fn directory_endpoint(root: PathBuf) -> Box<dyn Controller<()>> {
    erased(
        async move |PathParameters(file): PathParameters<String>, method: Method, headers: HeaderMap| {
            asset(root, file.into(), &method, &headers).await
        },
    )
}

/// One file, which the table names: links that lead to it are the application's own doing.
fn file_endpoint(file: &Path) -> Box<dyn Controller<()>> {
    let file = file.canonicalize().unwrap_or_else(|_| file.to_path_buf());
    let root = file.parent().map(Path::to_path_buf).unwrap_or_default();
    let name = PathBuf::from(file.file_name().unwrap_or_default());
    erased(async move |method: Method, headers: HeaderMap| asset(root, name, &method, &headers).await)
}

async fn asset(root: PathBuf, file: PathBuf, method: &Method, headers: &HeaderMap) -> Response {
    match files::locate(root, file, Some(codings(headers))).await {
        Some(file) => files::send(&file, method, headers, None).await,
        None => Reply::status(StatusCode::NOT_FOUND).into_response(),
    }
}
