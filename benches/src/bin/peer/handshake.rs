//! The opening handshake by hand, as little of it as a well-behaved client needs.

use std::io;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const KEY: &str = "sec-websocket-key: ";
const SUFFIX: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Gives the path that was asked for.
pub(crate) async fn accept(stream: &mut TcpStream) -> io::Result<String> {
    let mut request = Vec::with_capacity(512);
    while !request.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut request).await? == 0 || request.len() > 4096 {
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
    let request = String::from_utf8_lossy(&request);
    let key = request.lines().find_map(|line| line.strip_prefix(KEY));
    let key = key.ok_or(io::ErrorKind::InvalidData)?;
    let digest = sha1_smol::Sha1::from(format!("{key}{SUFFIX}")).digest().bytes();
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
         sec-websocket-accept: {}\r\n\r\n",
        BASE64_STANDARD.encode(digest)
    );
    stream.write_all(answer.as_bytes()).await?;
    Ok(request.split(' ').nth(1).unwrap_or_default().to_owned())
}
