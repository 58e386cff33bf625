//! An HTTP/1.1 client that sends what it is told, well-formed or not.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::PATIENCE;
use crate::stream::{Stream, uninterrupted};

/// A connection.
#[derive(Debug)]
pub struct Connection {
    stream: BufReader<Box<dyn Stream>>,
}

/// A response, read to its end.
#[derive(Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The headers in order, their names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Connection {
    /// Connects.
    pub fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&address, PATIENCE).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self::over(stream)
    }

    /// Connects over a stream.
    pub fn over(stream: impl Stream + 'static) -> Self {
        Self {
            stream: BufReader::new(Box::new(stream)),
        }
    }

    /// Sends a request and reads the response. A `host` is added where none is given, and the body's length.
    pub fn request(&mut self, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Response {
        let mut head = format!("{method} {target} HTTP/1.1\r\n");
        if !headers.iter().any(|(name, _)| *name == "host") {
            head.push_str("host: localhost\r\n");
        }
        for (name, value) in headers {
            write!(head, "{name}: {value}\r\n").unwrap();
        }
        if !body.is_empty() {
            write!(head, "content-length: {}\r\n", body.len()).unwrap();
        }
        self.send(format!("{head}\r\n{body}"));
        self.response(method)
    }

    /// Sends bytes.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.get_mut().write_all(bytes.as_ref()).unwrap();
    }

    /// Sends bytes, to a server that may have ended the connection.
    ///
    /// # Errors
    /// When it has.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        self.stream.get_mut().write_all(bytes.as_ref())
    }

    /// Sends nothing more.
    pub fn finish(&mut self) {
        self.stream.get_mut().finish().unwrap();
    }

    /// Reads the response to a request with this method.
    pub fn response(&mut self, method: &str) -> Response {
        self.try_response(method)
            .expect("the connection ended without a response")
    }

    /// Reads a response, or `None` when the connection ends before one begins.
    pub fn try_response(&mut self, method: &str) -> Option<Response> {
        let mut response = self.head()?;
        let is_bodiless = method == "HEAD" || matches!(response.status, 100..=199 | 204 | 304);
        if !is_bodiless {
            response.body = self.body(&response);
        }
        Some(response)
    }

    /// Reads the head of a response, whose body is read in [chunks](Self::chunk).
    pub fn head(&mut self) -> Option<Response> {
        let status_line = self.line()?;
        let status = status_line.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status line: {status_line:?}"));
        let mut response = Response {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        };
        loop {
            let line = self.line().expect("the end of the head");
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("no header: {line:?}"));
            response
                .headers
                .push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        Some(response)
    }

    /// Reads the next chunk of a body: nothing at its end.
    pub fn chunk(&mut self) -> Vec<u8> {
        let size = usize::from_str_radix(&self.line().unwrap(), 16).unwrap();
        let mut chunk = vec![0; size + 2];
        self.stream.read_exact(&mut chunk).unwrap();
        chunk.truncate(size);
        chunk
    }

    /// Whether the server has nothing more to say: its end of the connection is closed.
    pub fn is_ended(&mut self) -> bool {
        match self.stream.fill_buf() {
            Ok(bytes) => bytes.is_empty(),
            Err(error) => !matches!(
                error.kind(),
                std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
            ),
        }
    }

    /// Its own address.
    ///
    /// # Panics
    /// When it is not over a socket.
    pub fn address(&self) -> SocketAddr {
        self.stream.get_ref().socket().unwrap().local_addr().unwrap()
    }

    /// Reads something, whatever it is: at most so many bytes, and none when the server has ended the connection.
    pub fn read_some(&mut self, most: usize) -> usize {
        let mut space = vec![0; most];
        uninterrupted(|| self.stream.read(&mut space)).unwrap_or_default()
    }

    /// Whether something comes within a time: an answer, or the end.
    pub fn has_answer(&mut self, within: Duration) -> bool {
        if let Some(socket) = self.stream.get_ref().socket() {
            socket.set_read_timeout(Some(within)).unwrap();
        }
        let answered = match uninterrupted(|| self.stream.fill_buf().map(drop)) {
            Ok(()) => true,
            Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        };
        if let Some(socket) = self.stream.get_ref().socket() {
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
        }
        answered
    }

    /// The stream, with what was read beyond the last response.
    pub(crate) fn into_parts(self) -> (Box<dyn Stream>, Vec<u8>) {
        let read_ahead = self.stream.buffer().to_vec();
        (self.stream.into_inner(), read_ahead)
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.stream.read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => Some(line.trim_end_matches(['\r', '\n']).to_owned()),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => None,
            Err(error) => panic!("no response: {error}"),
        }
    }

    fn body(&mut self, response: &Response) -> Vec<u8> {
        let mut body = Vec::new();
        if response.header("transfer-encoding") == Some("chunked") {
            loop {
                let chunk = self.chunk();
                if chunk.is_empty() {
                    return body;
                }
                body.extend_from_slice(&chunk);
            }
        }
        match response.header("content-length") {
            Some(length) => {
                body.resize(length.parse().unwrap(), 0);
                self.stream.read_exact(&mut body).unwrap();
            }
            None => drop(self.stream.read_to_end(&mut body).unwrap()),
        }
        body
    }
}

impl Response {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The body as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.text()))
    }
}
