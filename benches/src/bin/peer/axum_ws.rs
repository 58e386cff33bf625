//! axum's own WebSocket, as its documentation has it.

use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::routing::any;
use axum::serve::ListenerExt as _;
use nova_benches::Result;
use tokio::net::TcpListener;

/// Serves with the buffers that come with it, or with smaller ones.
pub(crate) async fn serve(listener: TcpListener, buffers: Option<usize>) -> Result<()> {
    let upgrade = async move |upgrade: WebSocketUpgrade| {
        match buffers {
            Some(size) => upgrade.read_buffer_size(size).write_buffer_size(0),
            None => upgrade,
        }
        .on_upgrade(echo)
    };
    let listener = listener.tap_io(|stream| {
        // A failure shows in the latencies.
        let _ = stream.set_nodelay(true);
    });
    Ok(axum::serve(listener, Router::new().route("/echo", any(upgrade))).await?)
}

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if matches!(message, Message::Text(_) | Message::Binary(_)) && socket.send(message).await.is_err() {
            break;
        }
    }
}
