//! Forwarding on a connection of each kind of stream.

use std::io::Read as _;
use std::net::{Shutdown, TcpListener};

use tokio::net::TcpStream;

use super::*;
use crate::lifecycle::Lifecycle;
use crate::pubsub::PubSub;
use crate::transport::{Duplex, Stream};
use crate::websocket::NoMessage;
use crate::wheel::Wheel;

/// As any other stream.
impl Duplex for TcpStream {}

/// Receives nothing and sends nothing.
struct Silent;

impl WebSocketHandler for Silent {
    async fn handle(&mut self, _frame: Frame, _socket: &Socket) -> Commands {
        Commands::none()
    }
}

const LIMITS: Limits = Limits {
    write_timeout: Duration::from_secs(10),
    wire: wire::Limits {
        message_size: 1000,
        fragments: 10,
    },
};

fn client_and_stream() -> (std::net::TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let (stream, _) = listener.accept().unwrap();
    stream.set_nonblocking(true).unwrap();
    (client, TcpStream::from_std(stream).unwrap())
}

#[test]
fn whatever_the_stream_is_it_is_forwarded_to_and_closed_at_the_end() {
    let kinds = [Stream::Tcp, |stream| Stream::Boxed(Box::new(stream))];
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    for kind in kinds {
        let _inside = runtime.enter();
        let (mut client, stream) = client_and_stream();
        let (pubsub, wheel) = (PubSub::new(), Wheel::new());
        let (lifecycle, _ended) = Lifecycle::new();
        let socket = Socket::<NoMessage>::new(&pubsub, &wheel, None);
        assert!(socket.forward("a"));
        socket.mailbox().begin();
        let connection = Connection::new(Silent, Ended(socket.clone()), LIMITS, None, Arc::default());
        let transport = Transport::new(kind(stream), None, lifecycle.alive());
        let running = runtime.spawn(connection.run(transport, Bytes::new()));
        let mut expected = Vec::new();
        for number in 0..100 {
            let text = number.to_string();
            wire::encode(&Frame::text(text.as_str()), &mut expected).unwrap();
            assert_eq!(pubsub.broadcast("a", "event", text).local, 1);
        }
        let mut came = vec![0; expected.len()];
        client.read_exact(&mut came).unwrap();
        assert!(came == expected);
        // The end of what the client sends is the end; who holds a handle holds no stream.
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(client.read(&mut [0]).unwrap(), 0);
        runtime.block_on(running).unwrap();
        assert!(pubsub.local_members("a").is_empty() && !socket.forward("a"));
    }
}
