//! HTTP/1 on a connection.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::ConnectInfo;
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tower::ServiceExt as _;

use super::{Application, Served, last_request};
use crate::transport::{Connection, Successor};

/// Serves a connection until it ends, or until a request has handed it over: then gives it back, with what was read
/// beyond that request and what goes on with it.
pub(super) async fn serve<I, T>(
    io: I,
    peer: SocketAddr,
    served: Served<T>,
) -> hyper::Result<Option<(I, Bytes, Successor)>>
where
    I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    T: Application,
{
    let connection = Connection::default();
    let Served {
        service,
        header_timeout,
        lifecycle,
        ..
    } = served;
    let (upgrades, phase) = (connection.clone(), lifecycle.clone());
    let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(upgrades.clone());
        let response = service.clone().oneshot(request);
        let phase = phase.clone();
        let upgrades = upgrades.clone();
        Box::pin(async move {
            let mut response = response.await?;
            if response.status() != StatusCode::SWITCHING_PROTOCOLS {
                // A middleware may have taken the upgrade back.
                drop(upgrades.take_successor());
            }
            if phase.is_draining() && response.status() != StatusCode::SWITCHING_PROTOCOLS {
                response
                    .headers_mut()
                    .insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(response)
        })
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(header_timeout);
    let mut http = builder.serve_connection(TokioIo::new(io), service);
    tokio::select! {
        served = poll_fn(|context| http.poll_without_shutdown(context)) => served?,
        () = last_request(&lifecycle) => {
            Pin::new(&mut http).graceful_shutdown();
            poll_fn(|context| http.poll_without_shutdown(context)).await?;
        }
    }
    if !connection.has_successor() {
        // HTTP is over, and what it has written may still be on its way: the connection goes on to its own end.
        http.await?;
        return Ok(None);
    }
    let parts = http.into_parts();
    let successor = connection.take_successor();
    Ok(successor.map(|successor| (parts.io.into_inner(), parts.read_buf, successor)))
}
