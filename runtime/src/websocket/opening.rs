//! The functions that give a handler: `init`.

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::request::Parts;

use super::Socket;

/// An `init`: an async function of up to twelve arguments that are taken from the request's head, as `Path`, `Query`,
/// `State`, `AuthData` and `HeaderMap` are, or are the connection's own [`Socket`].
///
/// It is implemented for all of them, and is not to be implemented by hand. The socket's messages are those of the handler
/// that `init` gives; with others it does not compile:
///
/// ```compile_fail,E0277
/// use nova::prelude::*;
///
/// #[derive(Clone)]
/// struct Tick;
///
/// struct Clock;
///
/// async fn init(socket: Socket<Tick>) -> Clock {
///     socket.send_info_every(std::time::Duration::from_secs(1), Tick);
///     Clock
/// }
///
/// // It should be `WebSocketHandler<Tick>`.
/// impl WebSocketHandler for Clock {
///     async fn handle(&mut self, _frame: Frame, _socket: &Socket) -> Commands {
///         Commands::none()
///     }
/// }
///
/// let group: Group = Group::new("/").ws("/clock", init);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no `init`",
    label = "can't be called with what a handshake offers",
    note = "an `init` is an async function of `Socket<M>` and of `FromRequestParts` extractors: `Path`, `Query`, `State`, `HeaderMap`, `AuthData`, …",
    note = "extractors that read the body, such as `Json`, `Form` or `String`, belong to controllers"
)]
pub trait Init<T, S, M>: Clone + Send + Sync + 'static {
    /// What the function returns.
    type Output;

    /// Takes the arguments and calls the function, or responds as the extractor that refused.
    fn call(
        &self,
        parts: &mut Parts,
        state: &S,
        socket: &Socket<M>,
    ) -> impl Future<Output = Result<Self::Output, Response>> + Send;
}

/// What `init` can be given. `How` keeps the two implementations apart: a socket is no extractor, so that its type is that
/// of the handler's.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is nothing that a handshake offers to an `init` with a `Socket<{M}>`",
    note = "it is a `FromRequestParts` extractor, or the `Socket<M>` of a handler that implements `WebSocketHandler<M>`"
)]
pub trait InitArgument<S, M, How>: Sized {
    /// Takes it from the request, or from the connection.
    fn take(parts: &mut Parts, state: &S, socket: &Socket<M>) -> impl Future<Output = Result<Self, Response>> + Send;
}

/// The ways to get an argument.
pub(crate) mod how {
    /// From the request.
    #[derive(Debug)]
    pub struct Extracted;
    /// From the connection.
    #[derive(Debug)]
    pub struct TheSocket;
}

#[diagnostic::do_not_recommend]
impl<A, S, M> InitArgument<S, M, how::Extracted> for A
where
    A: FromRequestParts<S>,
    S: Sync,
    M: Send + 'static,
{
    async fn take(parts: &mut Parts, state: &S, _socket: &Socket<M>) -> Result<Self, Response> {
        let taken = A::from_request_parts(parts, state).await;
        taken.map_err(IntoResponse::into_response)
    }
}

impl<S: Sync, M: Send + 'static> InitArgument<S, M, how::TheSocket> for Socket<M> {
    async fn take(_parts: &mut Parts, _state: &S, socket: &Self) -> Result<Self, Response> {
        Ok(socket.clone())
    }
}

macro_rules! implement {
    ($(($argument:ident $how:ident))*) => {
        #[allow(non_snake_case, unused_variables, reason = "a type and its argument share a name; the first list is empty")]
        impl<F, Fut, S, Messages, $($argument, $how,)*> Init<($(($argument, $how),)*), S, Messages> for F
        where
            F: Fn($($argument,)*) -> Fut + Clone + Send + Sync + 'static,
            Fut: Future<Output: Send> + Send,
            S: Send + Sync,
            Messages: Send + 'static,
            $($argument: InitArgument<S, Messages, $how> + Send,)*
        {
            type Output = Fut::Output;

            async fn call(&self, parts: &mut Parts, state: &S, socket: &Socket<Messages>) -> Result<Fut::Output, Response> {
                $(let $argument = $argument::take(parts, state, socket).await?;)*
                Ok(self($($argument,)*).await)
            }
        }
    };
}

crate::arities::for_each!(implement);
