//! What goes around every controller: security before it, dispatch after it, and its panics caught. The order of the
//! onion is here: the group's middleware is outside, in its declared order.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use tower::{Layer, Service};

use crate::dispatch::Dispatcher;
use crate::error::Error;
use crate::fallback::Fallback;
use crate::metrics::Requests;
use crate::registry::RequestContext;
use crate::reply::Refusal;
use crate::routes::Guard;
use crate::security::Decision;
use crate::unwind::caught;

/// The innermost layer of a route.
pub(super) struct Around<S>(Arc<Inner<S>>);

struct Inner<S> {
    dispatcher: Arc<Dispatcher>,
    state: S,
    controller: Option<&'static str>,
    fallback: Option<Fallback>,
    guards: Vec<Guard<S>>,
    requests: Requests,
    /// What the response is to say of where it comes from: in `dev` only.
    answered: Option<Answered>,
}

/// On a response: the path of the route that answered, and its controller.
#[derive(Clone, Debug)]
pub(crate) struct Answered {
    pub(crate) route: Arc<str>,
    pub(crate) controller: Option<&'static str>,
}

impl<S> Around<S> {
    pub(super) fn new(
        dispatcher: Arc<Dispatcher>,
        state: S,
        controller: Option<&'static str>,
        fallback: Option<Fallback>,
        guards: Vec<Guard<S>>,
        requests: Requests,
        answered: Option<Answered>,
    ) -> Self {
        Self(Arc::new(Inner {
            dispatcher,
            state,
            controller,
            fallback,
            guards,
            requests,
            answered,
        }))
    }
}

impl<S> Clone for Around<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S, T> Layer<T> for Around<S> {
    type Service = AroundService<S, T>;

    fn layer(&self, controller: T) -> Self::Service {
        AroundService {
            around: self.clone(),
            controller,
        }
    }
}

pub(super) struct AroundService<S, T> {
    around: Around<S>,
    controller: T,
}

impl<S, T: Clone> Clone for AroundService<S, T> {
    fn clone(&self) -> Self {
        Self {
            around: self.around.clone(),
            controller: self.controller.clone(),
        }
    }
}

impl<S, T> Service<Request> for AroundService<S, T>
where
    S: Send + Sync + 'static,
    T: Service<Request, Error = Infallible, Response: IntoResponse, Future: Send> + Clone + Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.controller.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let inner = Arc::clone(&self.around.0);
        // What was polled ready is called; the clone takes its place.
        let clone = self.controller.clone();
        let mut controller = std::mem::replace(&mut self.controller, clone);
        Box::pin(async move {
            let start = Instant::now();
            let context = RequestContext {
                method: request.method().clone(),
                uri: request.uri().clone(),
                headers: request.headers().clone(),
                controller: inner.controller,
            };
            let answered = caught(async {
                let response = match inner.secure(request).await {
                    Ok(request) => {
                        let Ok(response) = controller.call(request).await;
                        response.into_response()
                    }
                    Err(Denial::Response(response)) => response,
                    Err(Denial::Error(error)) => return inner.dispatcher.fail(&context, &error).await,
                };
                inner
                    .dispatcher
                    .dispatch(&context, inner.fallback.as_ref(), response)
                    .await
            });
            let mut response = match answered.await {
                Ok(response) => response,
                Err(panic) => inner.dispatcher.fail(&context, &panic.into_error()).await,
            };
            Refusal::enforce(&mut response);
            let (status, time) = (response.status().as_u16(), start.elapsed());
            inner.requests.answered(status, time);
            if let Some(answered) = &inner.answered {
                response.extensions_mut().insert(answered.clone());
            }
            tracing::debug!("{} {} {status} in {time:?}", context.method, context.uri.path());
            Ok(response)
        })
    }
}

/// Why a request does not reach its controller.
enum Denial {
    Response(Response),
    Error(Error),
}

impl<S: Sync> Inner<S> {
    /// Asks the security functions. Gives the request back with what they handed over, or the denial.
    async fn secure(&self, request: Request) -> Result<Request, Denial> {
        if self.guards.is_empty() {
            return Ok(request);
        }
        let (mut parts, body) = request.into_parts();
        for guard in &self.guards {
            match guard.check(&mut parts, &self.state).await {
                Decision::Allow(None) => {}
                Decision::Allow(Some(grant)) => grant(&mut parts.extensions),
                Decision::Deny(response) => return Err(Denial::Response(response)),
                Decision::Fail(error) => return Err(Denial::Error(error)),
            }
        }
        Ok(Request::from_parts(parts, body))
    }
}
