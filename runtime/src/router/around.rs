//! What goes around every controller: security before it, dispatch after it, and its panics caught. The order of the
//! onion is here: the group's middleware is outside, in its declared order.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::extract::Request;
use axum::response::Response;
use tower::Service;

use crate::csrf::Csrf;
use crate::dispatch::Dispatcher;
use crate::error::Error;
use crate::fallback::Fallback;
use crate::metrics::Requests;
use crate::registry::RequestContext;
use crate::reply::Refusal;
use crate::routes::{Controller, Guard};
use crate::security::Decision;
use crate::session::Session;
use crate::unwind::caught;

/// A controller, with what is around it.
#[derive(Clone)]
pub(super) struct Around(Arc<Innermost>);

pub(super) struct Innermost {
    pub(super) dispatcher: Arc<Dispatcher>,
    pub(super) name: Option<&'static str>,
    pub(super) controller: Arc<dyn Controller<()>>,
    pub(super) fallback: Option<Fallback>,
    pub(super) csrf: Option<Arc<Csrf>>,
    pub(super) guards: Vec<Guard>,
    pub(super) requests: Requests,
    /// What the response is to say of where it comes from: in `dev` only.
    pub(super) answered: Option<Answered>,
}

/// On a response: the path of the route that answered, and its controller.
#[derive(Clone, Debug)]
pub(crate) struct Answered {
    pub(crate) route: Arc<str>,
    pub(crate) controller: Option<&'static str>,
}

/// A controller with nothing around it.
#[derive(Clone)]
pub(super) struct Called(pub(super) Arc<dyn Controller<()>>);

type Answer = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

impl Around {
    pub(super) fn new(innermost: Innermost) -> Self {
        Self(Arc::new(innermost))
    }
}

impl Service<Request> for Called {
    type Response = Response;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let response = self.0.call(request, &());
        Box::pin(async { Ok(response.await) })
    }
}

impl Service<Request> for Around {
    type Response = Response;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            let start = Instant::now();
            let context = RequestContext {
                method: request.method().clone(),
                uri: request.uri().clone(),
                headers: request.headers().clone(),
                controller: inner.name,
                session: request.extensions().get::<Session>().cloned(),
                peer: inner.dispatcher.peer(&request),
            };
            let answered = caught(async {
                let response = match inner.secure(request).await {
                    Ok(request) => inner.controller.call(request, &()).await,
                    Err(Denial::Response(response)) => response,
                    Err(Denial::Error(error)) => return inner.dispatcher.fail(&context, error).await,
                };
                inner
                    .dispatcher
                    .dispatch(&context, inner.fallback.as_ref(), response)
                    .await
            });
            let mut response = match answered.await {
                Ok(response) => response,
                Err(panic) => inner.dispatcher.fail(&context, panic.into_error()).await,
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

impl Innermost {
    /// Refuses what pages of other sites send, and asks the security functions. Gives the request back with what they handed over, or the denial.
    async fn secure(&self, mut request: Request) -> Result<Request, Denial> {
        if let Some(csrf) = &self.csrf
            && Csrf::concerns(request.method())
        {
            // In a box, so that no other request has room for it.
            request = Box::pin(csrf.check(request)).await.map_err(Denial::Response)?;
        }
        if self.guards.is_empty() {
            return Ok(request);
        }
        let (mut parts, body) = request.into_parts();
        for guard in &self.guards {
            match guard.check(&mut parts).await {
                Decision::Allow(None) => {}
                Decision::Allow(Some(grant)) => grant(&mut parts.extensions),
                Decision::Deny(response) => return Err(Denial::Response(response)),
                Decision::Fail(error) => return Err(Denial::Error(error)),
            }
        }
        Ok(Request::from_parts(parts, body))
    }
}
