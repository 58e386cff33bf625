//! Controllers with their types forgotten.
//!
//! What is generic in a controller is compiled again for each one, in the application, at every edit. So nothing is but
//! what has to be: to take the arguments, to call the function, and to make a response of what it returns.

use std::any::Any;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;

use axum::extract::Request;
use axum::handler::Handler;
use axum::response::Response;

use super::Supply;
#[cfg(feature = "openapi")]
use crate::openapi::Documentation;

/// A function that can answer requests: an axum handler, as an async function of extractors is.
///
/// It is implemented for all of them, and is not to be implemented by hand. What is none does not compile:
///
/// ```compile_fail,E0277
/// use nova::prelude::*;
///
/// async fn first_the_body(Json(a): Json<u8>, b: String) -> Reply { Reply::json(a) }
///
/// let group: Group = Group::new("/").post("/", first_the_body);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no controller",
    label = "can't answer requests",
    note = "a controller is an async function of up to sixteen extractors",
    note = "only the last argument may take the request's body: `Json`, `Form`, `String`, `Bytes`, `Request`",
    note = "what a type is extracted from must fit: `State<T>` in `Routes<T>`, and `T: DeserializeOwned` in `Json<T>`, `Form<T>`, `Query<T>` and `Path<T>`",
    note = "it returns a `Reply`, a `Json<T>` with `T: Serialize`, a text, or anything else that is `IntoResponse`; also a `Result` of such with a `nova::Error`",
    note = "its future must be `Send`: nothing that is not may be held across an `.await`, as an `Rc` or a guard of `std::sync::Mutex`"
)]
pub trait IntoController<T, S>: Handler<T, S> {}

#[diagnostic::do_not_recommend]
impl<H: Handler<T, S>, T, S> IntoController<T, S> for H {}

/// A controller at work.
pub(crate) type Answering = Pin<Box<dyn Future<Output = Response> + Send>>;

/// A controller of an application with state `S`.
pub(crate) trait Controller<S>: Send + Sync {
    fn call(&self, request: Request, state: S) -> Answering;

    /// What it says of itself, where it is one that does.
    #[cfg(feature = "openapi")]
    fn documentation(&self) -> Option<&Documentation> {
        None
    }
}

/// Forgets the type of an axum handler.
pub(crate) fn erased<H, T, S>(handler: H) -> Box<dyn Controller<S>>
where
    H: Handler<T, S>,
    T: 'static,
    S: Clone + 'static,
{
    Box::new(Erased(handler, PhantomData))
}

struct Erased<H, T>(H, PhantomData<fn() -> T>);

impl<H: Handler<T, S>, T, S: Clone + 'static> Controller<S> for Erased<H, T> {
    fn call(&self, request: Request, state: S) -> Answering {
        boxed(self.0.clone().call(request, state))
    }

    #[cfg(feature = "openapi")]
    fn documentation(&self) -> Option<&Documentation> {
        let any: &dyn Any = &self.0;
        any.downcast_ref::<super::Typed<S>>().map(super::Typed::documentation)
    }
}

/// A controller with its state.
struct Bound<S> {
    controller: Arc<dyn Controller<S>>,
    state: Supply<S>,
}

impl<S> Controller<()> for Bound<S> {
    fn call(&self, request: Request, (): ()) -> Answering {
        self.controller.call(request, (self.state)())
    }

    #[cfg(feature = "openapi")]
    fn documentation(&self) -> Option<&Documentation> {
        self.controller.documentation()
    }
}

/// Gives a controller its state.
pub(super) fn bound<S: 'static>(controller: Arc<dyn Controller<S>>, state: &Supply<S>) -> Arc<dyn Controller<()>> {
    Arc::new(Bound {
        controller,
        state: Arc::clone(state),
    })
}

/// Puts a future into a box. Axum's futures of functions are in one already, of this very type, and are left there.
fn boxed<F: Future<Output = Response> + Send + 'static>(future: F) -> Answering {
    let mut future = Some(future);
    let any: &mut dyn Any = &mut future;
    if let Some(boxed) = any.downcast_mut::<Option<Answering>>().and_then(Option::take) {
        return boxed;
    }
    Box::pin(future.expect("only a box is taken out"))
}

#[cfg(test)]
mod tests {
    use axum::extract::State;
    use axum::response::IntoResponse as _;

    use super::*;

    #[test]
    fn a_box_is_not_put_into_another() {
        let text = "a future with something in it".to_owned();
        let future: Answering = Box::pin(async move { text.into_response() });
        let place = (&raw const *future).cast::<()>();
        let same = boxed(future);
        assert_eq!((&raw const *same).cast::<()>(), place);
    }

    #[tokio::test]
    async fn functions_values_and_layered_handlers_are_controllers() {
        async fn function(State(status): State<u16>) -> axum::http::StatusCode {
            axum::http::StatusCode::from_u16(status).unwrap()
        }
        let layer = tower::layer::util::Identity::new();
        let controllers: [Arc<dyn Controller<u16>>; 3] = [
            erased(function).into(),
            erased(function.layer(layer)).into(),
            erased((axum::http::StatusCode::ACCEPTED, "a value")).into(),
        ];
        for controller in controllers {
            let state: Supply<u16> = Arc::new(|| 202);
            let response = bound(controller, &state).call(Request::default(), ()).await;
            assert_eq!(response.status(), 202);
        }
    }
}
