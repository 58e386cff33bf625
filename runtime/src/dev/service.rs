//! The service around the application.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Instant, SystemTime};

use axum::extract::{ConnectInfo, Request};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, Method, StatusCode, header};
use tower::Service;

use super::inject::{self, Purpose, inject};
#[cfg(feature = "openapi")]
use super::openapi;
use super::requests::Answered;
use super::{Shared, dashboard, events, guard, palette};
use crate::router::{self, AppService};

/// What a dashboard may load: what is served beside it.
pub(super) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Puts what `dev` serves around an application.
pub(super) fn around(application: AppService, shared: Arc<Shared>) -> AppService {
    AppService::new(Around { application, shared })
}

#[derive(Clone)]
struct Around {
    application: AppService,
    shared: Arc<Shared>,
}

/// What is served below `/__nova/`.
#[derive(Clone, Copy)]
enum Own {
    Dashboard,
    DashboardStyle,
    DashboardScript,
    Socket,
    Script,
    Events,
    #[cfg(feature = "openapi")]
    OpenApi(openapi::Part),
}

impl Own {
    /// What a request asks for, where it may have that. Anything else goes to the application, as if none of this were.
    fn of(request: &Request) -> Option<Self> {
        let own = match request.uri().path() {
            "/__nova" | "/__nova/" => Self::Dashboard,
            "/__nova/dashboard.css" => Self::DashboardStyle,
            "/__nova/dashboard.js" => Self::DashboardScript,
            "/__nova/socket" => Self::Socket,
            inject::SCRIPT => Self::Script,
            "/__nova/events" => Self::Events,
            #[cfg(feature = "openapi")]
            path => Self::OpenApi(openapi::Part::at(path)?),
            #[cfg(not(feature = "openapi"))]
            _ => return None,
        };
        let has_method = match own {
            // Over HTTP/2 a WebSocket begins with CONNECT.
            Self::Socket => [Method::GET, Method::CONNECT].contains(request.method()),
            _ => request.method() == Method::GET,
        };
        let tells = matches!(own, Self::Socket | Self::Events);
        let may = guard::is_local(request) && (!tells || guard::is_same_origin(request.headers(), request.uri()));
        (has_method && may).then_some(own)
    }
}

impl Service<Request> for Around {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.application.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let shared = Arc::clone(&self.shared);
        if let Some(own) = Own::of(&request) {
            return Box::pin(async move { Ok(shared.serve(own, request).await) });
        }
        let purpose = match guard::is_local(&request) {
            true => Purpose::of(&request),
            false => Purpose::Other,
        };
        let mut answered = Answered {
            number: 0,
            at: SystemTime::now(),
            peer: request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0),
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            route: None,
            controller: None,
            status: StatusCode::OK,
            time: std::time::Duration::ZERO,
        };
        let start = Instant::now();
        let answering = self.application.call(request);
        Box::pin(async move {
            let Ok(mut response) = answering.await;
            let by = response.extensions_mut().remove::<router::Answered>();
            (answered.status, answered.time) = (response.status(), start.elapsed());
            (answered.route, answered.controller) = by.map_or((None, None), |by| (Some(by.route), by.controller));
            shared.requests.note(answered);
            Ok(inject(response, purpose, &shared.build).await)
        })
    }
}

impl Shared {
    async fn serve(self: Arc<Self>, own: Own, request: Request) -> Response {
        let text = |kind: &'static str, text: String| ([(header::CONTENT_TYPE, kind)], text).into_response();
        let mut response = match own {
            Own::Dashboard => {
                let page = include_str!("dashboard/page.html").replace("{script}", &inject::tag(&self.build, None));
                let mut response = text("text/html; charset=utf-8", page);
                let policy = HeaderValue::from_static(POLICY);
                response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
                response
            }
            Own::DashboardStyle => {
                let style = include_str!("dashboard/style.css");
                text("text/css; charset=utf-8", palette(":root") + style)
            }
            Own::DashboardScript => {
                let script = include_str!("dashboard/script.js");
                text("text/javascript; charset=utf-8", script.to_owned())
            }
            Own::Script => text("text/javascript; charset=utf-8", live_script()),
            Own::Events => match self.application.get() {
                Some(application) => {
                    let lifecycle = application.lifecycle.clone();
                    let body = events::body(Arc::clone(&self.events), self.build.clone(), lifecycle);
                    ([(header::CONTENT_TYPE, "text/event-stream")], body).into_response()
                }
                None => StatusCode::SERVICE_UNAVAILABLE.into_response(),
            },
            #[cfg(feature = "openapi")]
            Own::OpenApi(part) => openapi::serve(&self, part),
            Own::Socket => return dashboard::connect(self, request).await,
        };
        let headers = response.headers_mut();
        for (name, value) in [
            (header::CACHE_CONTROL, "no-store"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            // Not even as an image or a script is it for pages of others.
            (
                header::HeaderName::from_static("cross-origin-resource-policy"),
                "same-origin",
            ),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

/// The script in pages, with the style of what it shows.
fn live_script() -> String {
    let style = palette(".nova") + include_str!("overlay.css");
    // A string in JSON is one in JavaScript.
    let style = serde_json::Value::String(style).to_string();
    include_str!("live.js").replace("\"{style}\"", &style)
}
