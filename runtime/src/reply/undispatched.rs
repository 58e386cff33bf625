//! A reply on its way from the controller to its dispatch.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{Extensions, StatusCode};

use super::Reply;
use crate::error::Error;
use crate::problem::Problem;

/// What a controller has returned and nothing has dispatched yet. It passes through axum in a response's extensions, so
/// that controllers are ordinary axum handlers and every extractor and layer works.
#[derive(Debug)]
pub(crate) enum Undispatched {
    Reply(Reply),
    Error(Error),
}

/// Extensions are cloned and shared; what is in this one is taken once.
#[derive(Clone)]
struct Carrier(Arc<Mutex<Option<Undispatched>>>);

/// On a response that refuses something: the status in place of one that would say the opposite.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refusal(StatusCode);

impl Refusal {
    /// Marks a response as one that refuses.
    pub(crate) fn mark(status: StatusCode, mut response: Response) -> Response {
        response.extensions_mut().insert(Self(status));
        response
    }

    /// The mark, where there is one, without what else is there.
    pub(crate) fn alone(extensions: &Extensions) -> Extensions {
        let mut alone = Extensions::new();
        if let Some(mark) = extensions.get::<Self>() {
            alone.insert(*mark);
        }
        alone
    }

    /// Gives a marked response that says success the status of its refusal.
    pub(crate) fn enforce(response: &mut Response) {
        if let Some(Self(status)) = response.extensions_mut().remove()
            && response.status().is_success()
        {
            *response.status_mut() = status;
        }
    }
}

impl Undispatched {
    /// Takes it out of a response. The response keeps what the controller's own `IntoResponse` values set around it.
    pub(crate) fn take_from(response: &mut Response) -> Option<Self> {
        let carrier = response.extensions_mut().remove::<Carrier>()?;
        carrier.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The reply that a response carries, looked at and left there.
    pub(crate) fn look_at<T>(response: &Response, look: impl FnOnce(&Reply) -> T) -> Option<T> {
        let carrier = response.extensions().get::<Carrier>()?;
        let carried = carrier.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*carried {
            Some(Self::Reply(reply)) => Some(look(reply)),
            _ => None,
        }
    }

    /// Whether a response carries one.
    pub(crate) fn is_in(response: &Response) -> bool {
        response.extensions().get::<Carrier>().is_some()
    }

    /// The status of the response that carries it: one that no controller sets, so that one which is set around a reply
    /// is told apart. It is seen only where nothing dispatches: loudly wrong rather than empty and 200.
    pub(crate) const STATUS: StatusCode = match StatusCode::from_u16(599) {
        Ok(status) => status,
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };

    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from("a reply that no Nova route dispatched"));
        *response.status_mut() = Self::STATUS;
        response
            .extensions_mut()
            .insert(Carrier(Arc::new(Mutex::new(Some(self)))));
        response
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        Undispatched::Reply(self).into_response()
    }
}

/// A problem is a response, whoever carries it.
impl IntoResponse for Error {
    fn into_response(self) -> Response {
        match self.downcast::<Problem>() {
            Ok(problem) => problem.into_response(),
            Err(error) => Undispatched::Error(error).into_response(),
        }
    }
}
