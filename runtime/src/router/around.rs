//! What goes around every controller: security before it, dispatch after it, and its panics caught. The order of the
//! onion is here: the group's middleware is outside, in its declared order.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::Request;
use axum::response::Response;
use tower::{Service, service_fn};

use crate::csrf::Csrf;
use crate::dispatch::{Dispatched, Dispatcher};
use crate::error::Error;
use crate::fallback::Fallback;
use crate::metrics::Requests;
use crate::registry::RequestContext;
use crate::reply::Refusal;
use crate::routes::{Answering, Controller, Guard};
use crate::security::{Assumed, Decision};
use crate::session::Session;
use crate::unwind::{Panic, caught_now, caught_pinned};

use super::limit::{Arriving, BodyLimit};

pub(super) struct Innermost {
    pub(super) dispatcher: Arc<Dispatcher>,
    pub(super) name: Option<&'static str>,
    pub(super) controller: Arc<dyn Controller<()>>,
    pub(super) fallback: Option<Fallback>,
    /// Where no layer outside has it.
    pub(super) limit: Option<BodyLimit>,
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
pub(super) fn called(
    controller: Arc<dyn Controller<()>>,
) -> impl Service<Request, Response = Response, Error = Infallible, Future: Send + 'static> + Clone + Send + Sync + 'static
{
    service_fn(move |request| {
        let response = controller.call(request, ());
        async { Ok(response.await) }
    })
}

/// A controller, with what is around it.
pub(super) fn around(
    innermost: Arc<Innermost>,
) -> impl Service<Request, Response = Response, Error = Infallible, Future: Send + 'static> + Clone + Send + Sync + 'static
{
    service_fn(move |request| {
        let begun = innermost.begin(request);
        Arc::clone(&innermost).finish(begun)
    })
}

/// A request on its way.
pub(super) struct Begun {
    start: Option<Instant>,
    /// Moved several times.
    context: Box<RequestContext>,
    step: Step,
    arriving: Arriving,
}

enum Step {
    Called(Answering),
    /// First to whoever is asked before the controller.
    Guarded(Pin<Box<dyn Future<Output = Result<Response, Error>> + Send>>),
    Refused(Box<Response>),
    Failed(Error),
}

/// Why a request does not reach its controller.
enum Denial {
    Response(Response),
    Error(Error),
}

impl Innermost {
    /// What can be done at once is not done in a future: it would have room for the request several times.
    pub(super) fn begin(self: &Arc<Self>, request: Request) -> Begun {
        // To read the clock twice is not for nothing either.
        let start = (cfg!(feature = "metrics") || tracing::enabled!(tracing::Level::DEBUG)).then(Instant::now);
        let context = Box::new(RequestContext {
            method: request.method().clone(),
            uri: request.uri().clone(),
            headers: request.headers().clone(),
            controller: self.name,
            session: request.extensions().get::<Session>().cloned(),
            peer: self.dispatcher.peer(&request),
            is_watched: self.dispatcher.is_watched(&request),
        });
        let limited = match self.limit {
            Some(limit) => limit.apply(request),
            None => Ok((request, Arriving::default())),
        };
        let (step, arriving) = match limited {
            Ok((request, arriving)) => (self.call(request), arriving),
            Err(too_large) => (Step::Refused(Box::new(too_large)), Arriving::default()),
        };
        Begun {
            start,
            context,
            step,
            arriving,
        }
    }

    fn call(self: &Arc<Self>, request: Request) -> Step {
        if !self.is_open_to(&request) {
            return Step::Guarded(Box::pin(Arc::clone(self).guarded(request)));
        }
        match caught_now(|| self.controller.call(request, ())) {
            Ok(answering) => Step::Called(answering),
            Err(panic) => Step::Failed(panic.into_error()),
        }
    }

    /// The response. What panics is caught.
    pub(super) async fn finish(self: Arc<Self>, begun: Begun) -> Result<Response, Infallible> {
        let Begun {
            start,
            context,
            step,
            arriving,
        } = begun;
        let returned = match step {
            Step::Called(mut answering) => caught_pinned(Pin::new(&mut answering)).await.map_err(Panic::into_error),
            Step::Guarded(mut answering) => caught_pinned(Pin::new(&mut answering))
                .await
                .unwrap_or_else(|panic| Err(panic.into_error())),
            Step::Refused(response) => Ok(*response),
            Step::Failed(error) => Err(error),
        };
        let dispatched = returned.and_then(|returned| {
            let returned = arriving.too_late().unwrap_or(returned);
            caught_now(|| self.dispatcher.dispatch(&context, self.fallback.as_ref(), returned))
                .map_err(Panic::into_error)
        });
        let dispatched = match dispatched {
            Ok(Dispatched::Now(response)) => Ok(response),
            Ok(Dispatched::Later(mut later)) => caught_pinned(Pin::new(&mut later)).await.map_err(Panic::into_error),
            Err(error) => Err(error),
        };
        let mut response = match dispatched {
            Ok(response) => response,
            // In a box, so that no other request has room for it.
            Err(error) => Box::pin(self.dispatcher.fail(&context, error)).await,
        };
        Refusal::enforce(&mut response);
        if let Some(start) = start {
            let (status, time) = (response.status().as_u16(), start.elapsed());
            self.requests.answered(status, time);
            tracing::debug!("{} {} {status} in {time:?}", context.method, context.uri.path());
        }
        if let Some(answered) = &self.answered {
            response.extensions_mut().insert(answered.clone());
        }
        Ok(response)
    }

    /// Asks whoever is asked before the controller, and then it.
    async fn guarded(self: Arc<Self>, request: Request) -> Result<Response, Error> {
        match self.secure(request).await {
            Ok(request) => Ok(self.controller.call(request, ()).await),
            Err(Denial::Response(response)) => Ok(response),
            Err(Denial::Error(error)) => Err(error),
        }
    }

    /// Whether nobody is asked before the controller.
    fn is_open_to(&self, request: &Request) -> bool {
        self.guards.is_empty() && (self.csrf.is_none() || !Csrf::concerns(request.method()))
    }

    /// Refuses what pages of other sites send, and asks the security functions. Gives the request back with what they
    /// handed over, or the denial.
    async fn secure(&self, mut request: Request) -> Result<Request, Denial> {
        if let Some(csrf) = &self.csrf
            && Csrf::concerns(request.method())
        {
            request = csrf.check(request).await.map_err(Denial::Response)?;
        }
        if self.guards.is_empty() {
            return Ok(request);
        }
        if self.dispatcher.in_test
            && let Some(assumed) = request.extensions().get::<Assumed>().cloned()
        {
            assumed.grant(request.extensions_mut());
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
