//! Async functions of extractors, where the request's body is not theirs to take: security functions.

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse as _, Response};
use http::request::Parts;

/// An async function whose arguments are taken from the request's head: [`FromRequestParts`] extractors such as `Path`,
/// `Query`, `State` and `HeaderMap`.
///
/// It is implemented for functions of up to twelve arguments, and is not to be implemented by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be called with what a request offers before its body",
    label = "not an async function of `FromRequestParts` extractors",
    note = "every argument must be taken from the request's head: `Path`, `Query`, `State`, `HeaderMap`, `AuthData`, …",
    note = "extractors that read the body, such as `Json`, `Form` or `String`, belong to controllers",
    note = "there is no `Socket` yet: a handler's `init` has one"
)]
pub trait PartsHandler<T, S>: Clone + Send + Sync + 'static {
    /// What the function returns.
    type Output;

    /// Takes the arguments from the request and calls the function, or responds as the extractor that refused.
    fn call(&self, parts: &mut Parts, state: &S) -> impl Future<Output = Result<Self::Output, Response>> + Send;
}

macro_rules! implement {
    ($(($argument:ident $_besides:ident))*) => {
        #[allow(non_snake_case, unused_variables, reason = "a type and its argument share a name; the first list is empty")]
        impl<F, Fut, S, $($argument,)*> PartsHandler<($($argument,)*), S> for F
        where
            F: Fn($($argument,)*) -> Fut + Clone + Send + Sync + 'static,
            Fut: Future<Output: Send> + Send,
            S: Send + Sync,
            $($argument: FromRequestParts<S> + Send,)*
        {
            type Output = Fut::Output;

            async fn call(&self, parts: &mut Parts, state: &S) -> Result<Fut::Output, Response> {
                $(
                    let $argument = $argument::from_request_parts(parts, state)
                        .await
                        .map_err(|rejection| rejection.into_response())?;
                )*
                Ok(self($($argument,)*).await)
            }
        }
    };
}

crate::arities::for_each!(implement);
