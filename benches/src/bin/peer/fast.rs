//! fastwebsockets, as its documentation has it.

use fastwebsockets::{FragmentCollector, OpCode, Role, WebSocket, WebSocketError};
use nova_benches::Result;
use tokio::net::{TcpListener, TcpStream};

use crate::handshake;

pub(crate) async fn serve(listener: TcpListener) -> Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(echo(stream));
    }
}

async fn echo(mut stream: TcpStream) -> Result<(), WebSocketError> {
    Box::pin(handshake::accept(&mut stream)).await?;
    let mut socket = FragmentCollector::new(WebSocket::after_handshake(stream, Role::Server));
    loop {
        let frame = socket.read_frame().await?;
        match frame.opcode {
            OpCode::Close => return Ok(()),
            OpCode::Text | OpCode::Binary => socket.write_frame(frame).await?,
            _ => {}
        }
    }
}
