//! From what a controller returned to a response: reply → registry → fallback → reply.

mod pages;
mod wishes;

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use axum::body::{Body, HttpBody as _};
use axum::extract::{ConnectInfo, Request};
use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, header};
use tower::ServiceExt as _;

pub(crate) use self::pages::{Page, Pages};
use self::wishes::{Wishes, lay_over};
use crate::error::Error;
use crate::fallback::{Fallback, Invalid};
use crate::negotiate::{Form, preferred};
use crate::problem::Problem;
use crate::registry::{Handling, Registry, Replying, RequestContext};
use crate::reply::{Failure, Reply, Seen, Undispatched, Watched, kind};
use crate::scope::Scope;
use crate::status_page::default_page;
use crate::unwind::caught;
use crate::view;

/// How many replies may answer one another: a handler's of its own kind would never end.
const MAX_REPLIES: usize = 8;

/// Turns replies into responses, for one application.
pub(crate) struct Dispatcher {
    pub(crate) registry: Registry,
    pub(crate) pages: Pages,
    pub(crate) fallback: Option<Fallback>,
    /// The page for an error, where the person who sees it may: in `dev` only.
    pub(crate) error_page: Option<ErrorPage>,
    /// What every request finds of its application.
    pub(crate) scope: Scope,
    /// Whether it is for tests: then responses can have with them what was replied, and security functions be answered for.
    pub(crate) in_test: bool,
}

/// Shows an error, and where it arose.
pub(crate) type ErrorPage =
    Arc<dyn Fn(RequestContext, Error) -> Pin<Box<dyn Future<Output = Response> + Send>> + Send + Sync>;

/// A response that is there, or one that takes more. That is in a box, so that a request which does without it has no room
/// for it.
pub(crate) enum Dispatched<'a> {
    Now(Response),
    Later(Pin<Box<dyn Future<Output = Response> + Send + 'a>>),
}

impl Dispatched<'_> {
    pub(crate) async fn response(self) -> Response {
        match self {
            Self::Now(response) => response,
            Self::Later(response) => response.await,
        }
    }
}

impl Dispatcher {
    /// Gives the response for what a controller returned.
    pub(crate) fn dispatch<'a>(
        &'a self,
        context: &'a RequestContext,
        fallback: Option<&'a Fallback>,
        response: Response,
    ) -> Dispatched<'a> {
        if context.is_watched
            && let Some(seen) = Undispatched::look_at(&response, Seen::of)
        {
            return Dispatched::Later(Box::pin(self.watched(context, fallback, response, seen)));
        }
        self.answer(context, fallback, response)
    }

    /// The response with what was replied, for a test.
    async fn watched(
        &self,
        context: &RequestContext,
        fallback: Option<&Fallback>,
        response: Response,
        mut seen: Seen,
    ) -> Response {
        let mut response = self.answer(context, fallback, response).response().await;
        if seen.view.is_none() && [kind::VIEW.name(), kind::OK.name()].contains(&&*seen.kind) {
            seen.view = view::default_name(context.controller).ok();
        }
        response.extensions_mut().insert(seen);
        response
    }

    fn answer<'a>(
        &'a self,
        context: &'a RequestContext,
        fallback: Option<&'a Fallback>,
        mut response: Response,
    ) -> Dispatched<'a> {
        let Some(undispatched) = Undispatched::take_from(&mut response) else {
            return self.finished(context, response);
        };
        let mut wishes = Wishes::around(response);
        let answered = self.answered(context, undispatched, &mut wishes);
        match answered {
            Ok(Handling::Done(response)) if !Undispatched::is_in(&response) => {
                self.finished(context, wishes.grant(response))
            }
            answered => Dispatched::Later(Box::pin(self.go_on(context, fallback, answered, wishes))),
        }
    }

    /// Dispatches until there is a response.
    async fn go_on(
        &self,
        context: &RequestContext,
        fallback: Option<&Fallback>,
        mut answered: Result<Handling, Invalid>,
        mut wishes: Wishes,
    ) -> Response {
        let mut fallback = fallback.or(self.fallback.as_ref());
        for _ in 0..MAX_REPLIES {
            let mut response = match answered {
                Ok(Handling::Done(response)) => response,
                Ok(Handling::Pending(response)) => response.await,
                Err(invalid) => {
                    // What was wished for was meant for what can't be sent.
                    wishes.forget();
                    match fallback.take() {
                        Some(fallback) => resolve(fallback, context, invalid).await,
                        None => return self.fail(context, invalid.into()).await,
                    }
                }
            };
            match Undispatched::take_from(&mut response) {
                None => return self.finished(context, wishes.grant(response)).response().await,
                Some(next) => {
                    wishes.take_over(&next, response);
                    answered = self.answered(context, next, &mut wishes);
                }
            }
        }
        tracing::error!(
            "{}: a reply was answered by a reply {MAX_REPLIES} times",
            context.uri.path()
        );
        default_page(&Problem::new(StatusCode::INTERNAL_SERVER_ERROR), &context.headers)
    }

    /// Whether a response is one that dispatch returns as it is.
    pub(crate) fn is_done(response: &Response) -> bool {
        !Undispatched::is_in(response) && !is_bare(response) && response.extensions().get::<Problem>().is_none()
    }

    /// Whether a test asks for what is replied.
    pub(crate) fn is_watched(&self, request: &Request) -> bool {
        self.in_test && request.extensions().get::<Watched>().is_some()
    }

    /// Who sent a request, where that is shown: in `dev` only.
    pub(crate) fn peer(&self, request: &Request) -> Option<SocketAddr> {
        self.error_page.as_ref()?;
        request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0)
    }

    /// The 500 page for an error, and a line in the log.
    pub(crate) async fn fail(&self, context: &RequestContext, error: Error) -> Response {
        let controller = context.controller.unwrap_or("a closure");
        tracing::error!("{} {}: {controller}: {error:?}", context.method, context.uri.path());
        let failure = context.is_watched.then(|| Failure(format!("{controller}: {error:?}")));
        let mut response = match &self.error_page {
            Some(page) => page(context.clone(), error).await,
            None => {
                self.page(context, &Problem::new(StatusCode::INTERNAL_SERVER_ERROR))
                    .await
            }
        };
        if let Some(failure) = failure {
            response.extensions_mut().insert(failure);
        }
        response
    }

    /// A response with the status of an error and nothing else becomes the page for that status, and so does a problem for
    /// those who do not want it as it is.
    fn finished<'a>(&'a self, context: &'a RequestContext, mut response: Response) -> Dispatched<'a> {
        let problem = match response.extensions_mut().remove::<Problem>() {
            Some(_) if preferred(&context.headers, Form::Json) == Form::Json => return Dispatched::Now(response),
            Some(problem) => problem,
            None if is_bare(&response) => Problem::new(response.status()),
            None => return Dispatched::Now(response),
        };
        Dispatched::Later(Box::pin(self.with_page(context, problem, response)))
    }

    /// The page for a problem, with the headers of the response in whose place it is.
    async fn with_page(&self, context: &RequestContext, problem: Problem, response: Response) -> Response {
        let (mut parts, _) = response.into_parts();
        parts.headers.remove(header::CONTENT_TYPE);
        let mut page = self.page(context, &problem).await;
        lay_over(page.headers_mut(), parts.headers);
        page.headers_mut().remove(header::CONTENT_LENGTH);
        page.extensions_mut().extend(parts.extensions);
        page
    }

    #[expect(clippy::result_large_err, reason = "it is what a fallback takes, and seldom")]
    fn answered(
        &self,
        context: &RequestContext,
        undispatched: Undispatched,
        wishes: &mut Wishes,
    ) -> Result<Handling, Invalid> {
        match undispatched {
            Undispatched::Reply(reply) => self.reply(context, reply, wishes),
            Undispatched::Error(error) => Err(Invalid::Error(error)),
        }
    }

    /// Hands a reply to the handler of its kind.
    #[expect(clippy::result_large_err, reason = "it is what a fallback takes, and seldom")]
    fn reply(&self, context: &RequestContext, reply: Reply, wishes: &mut Wishes) -> Result<Handling, Invalid> {
        let Some(handler) = self.registry.handler(reply.kind()) else {
            return Err(Invalid::Unhandled(reply));
        };
        let (kind, payload, overrides) = reply.into_parts();
        let malformed = |reason| Invalid::Malformed {
            kind: kind.to_string(),
            reason,
        };
        if let Some(reason) = overrides.invalid {
            return Err(malformed(reason));
        }
        let replying = Replying {
            status: wishes.status.or(overrides.status),
            headers: overrides.headers.clone(),
            payload,
        };
        wishes.wrap(overrides);
        handler(replying, context).map_err(|mismatch| malformed(format!("its handler takes a `{}`", mismatch.expected)))
    }

    /// The page for a status: the application's, or the default. It never fails.
    async fn page(&self, context: &RequestContext, problem: &Problem) -> Response {
        let status = problem.status();
        let Some(page) = self.pages.find(status, context.uri.path()) else {
            return default_page(problem, &context.headers);
        };
        match caught(self.declared_page(context, problem, page)).await {
            Ok(Ok(response)) => response,
            Ok(Err(invalid)) => {
                tracing::error!("the page for {status} failed: {invalid}");
                default_page(problem, &context.headers)
            }
            Err(panic) => {
                tracing::error!("the page for {status} {panic}");
                default_page(problem, &context.headers)
            }
        }
    }

    /// The page that the application declares. What it replies has that status, unless it sets another.
    async fn declared_page(
        &self,
        context: &RequestContext,
        problem: &Problem,
        page: &Page,
    ) -> Result<Response, Invalid> {
        let status = problem.status();
        let mut request = Request::new(Body::empty());
        *request.method_mut() = context.method.clone();
        *request.uri_mut() = context.uri.clone();
        *request.headers_mut() = context.headers.clone();
        request.extensions_mut().insert(self.scope.clone());
        if let Some(session) = &context.session {
            request.extensions_mut().insert(session.clone());
        }
        request.extensions_mut().insert(problem.clone());
        let context = RequestContext {
            controller: page.controller,
            ..context.clone()
        };
        let Ok(mut response) = page.service.clone().oneshot(request).await;
        let reply = match Undispatched::take_from(&mut response) {
            None => {
                if response.status().is_success() {
                    *response.status_mut() = status;
                }
                return Ok(response);
            }
            Some(Undispatched::Reply(reply)) => reply,
            Some(Undispatched::Error(error)) => return Err(Invalid::Error(error)),
        };
        let mut wishes = Wishes::around(response);
        let is_bare = reply.kind() == kind::STATUS.name() && reply.overrides().body.is_none();
        let mut response = match self.reply(&context, reply, &mut wishes)? {
            Handling::Done(response) => response,
            Handling::Pending(response) => response.await,
        };
        match Undispatched::take_from(&mut response) {
            // A page that has nothing to say leaves it to the default one.
            None if is_bare => {
                let other = wishes.status.filter(|other| *other != status).map(Problem::new);
                Ok(default_page(other.as_ref().unwrap_or(problem), &context.headers))
            }
            None => {
                if response.status().is_success() {
                    *response.status_mut() = status;
                }
                Ok(wishes.grant(response))
            }
            Some(Undispatched::Error(error)) => Err(Invalid::Error(error)),
            Some(Undispatched::Reply(reply)) => Err(Invalid::Unhandled(reply)),
        }
    }
}

fn is_bare(response: &Response) -> bool {
    (response.status().is_client_error() || response.status().is_server_error())
        && !response.headers().contains_key(header::CONTENT_TYPE)
        && response.body().size_hint().exact() == Some(0)
}

async fn resolve(fallback: &Fallback, context: &RequestContext, invalid: Invalid) -> Response {
    let resolved = caught(fallback.resolve(context.clone(), invalid)).await;
    resolved.unwrap_or_else(|panic| panic.into_error().into_response())
}
