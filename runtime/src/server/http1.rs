//! HTTP/1 on a connection.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::IntoResponse as _;
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tower::ServiceExt as _;

use super::host::name_host;
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
        let response = name_host(&mut request).then(|| service.clone().oneshot(request));
        let phase = phase.clone();
        let upgrades = upgrades.clone();
        Box::pin(async move {
            let mut response = match response {
                Some(response) => response.await?,
                None => StatusCode::BAD_REQUEST.into_response(),
            };
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
    let served = tokio::select! {
        served = poll_fn(|context| http.poll_without_shutdown(context)) => served,
        () = last_request(&lifecycle) => {
            Pin::new(&mut http).graceful_shutdown();
            poll_fn(|context| http.poll_without_shutdown(context)).await
        }
    };
    // What was accepted goes on even where the response could not be written: it is to see the end itself.
    if !connection.has_successor() {
        served?;
        // HTTP is over, and what it has written may still be on its way: the connection goes on to its own end.
        http.await?;
        return Ok(None);
    }
    let parts = http.into_parts();
    let successor = connection.take_successor();
    Ok(successor.map(|successor| (parts.io.into_inner(), parts.read_buf, successor)))
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use axum::extract::Request;
    use axum::response::Response;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, ReadBuf, duplex};

    use super::*;
    use crate::lifecycle::Lifecycle;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: x\r\n\r\nbehind it";

    /// Serves a connection whose first request hands it over.
    async fn serve_upgrade<I>(io: I) -> hyper::Result<Option<(I, Bytes, Successor)>>
    where
        I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let service = tower::service_fn(async |request: Request| -> Result<Response, Infallible> {
            let connection = request.extensions().get::<Connection>().unwrap();
            connection.hand_over_to(Box::new(|_, _| Box::pin(async {})));
            let headers = [("connection", "upgrade"), ("upgrade", "x")];
            Ok((StatusCode::SWITCHING_PROTOCOLS, headers).into_response())
        });
        let (lifecycle, _ended) = Lifecycle::new();
        let served = Served {
            service,
            tls: None,
            header_timeout: std::time::Duration::from_secs(10),
            lifecycle,
        };
        serve(io, SocketAddr::from(([127, 0, 0, 1], 1)), served).await
    }

    /// A stream on which nothing can be written.
    struct ReadOnly(DuplexStream);

    impl AsyncRead for ReadOnly {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<std::io::Result<()>> {
            Pin::new(&mut self.0).poll_read(cx, buf)
        }
    }

    impl AsyncWrite for ReadOnly {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<std::io::Result<usize>> {
            Poll::Ready(Err(std::io::ErrorKind::BrokenPipe.into()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn what_goes_on_does_so_though_the_client_is_gone() {
        crate::testing::run(async {
            let (mut client, server) = duplex(1024);
            client.write_all(REQUEST).await.unwrap();
            assert!(serve_upgrade(ReadOnly(server)).await.unwrap().is_some());
        });
    }

    #[test]
    fn a_connection_is_handed_over_when_its_response_is_written() {
        crate::testing::run(async {
            let (client, server) = duplex(16);
            let (mut from_server, mut to_server) = tokio::io::split(client);
            let reading = async {
                let mut head = Vec::new();
                from_server.read_to_end(&mut head).await.unwrap();
                String::from_utf8(head).unwrap()
            };
            let serving = async {
                let (io, read_ahead, _) = serve_upgrade(server).await.unwrap().unwrap();
                drop(io);
                read_ahead
            };
            let (head, _, _) = tokio::join!(reading, serving, to_server.write_all(REQUEST));
            assert!(head.ends_with("\r\n\r\n"), "{head:?}");
        });
    }
}
