//! The floor: what any WebSocket server on tokio has to do, and nothing that a good one should. No text is checked, no
//! limit kept, no ping answered, no handler called. Of a broadcast it is one loop of writes.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, Write as _};
use std::net;
use std::ops::Range;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use nova_benches::Result;
use tokio::io::{AsyncRead as _, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use crate::handshake;

const BUFFER: usize = 256 * 1024;

thread_local! {
    /// Of the worker: what is read, and what is to be written.
    static BUFFERS: RefCell<(Vec<u8>, Vec<u8>)> = RefCell::new((vec![0; BUFFER], Vec::with_capacity(BUFFER)));
}

/// The members of the one channel, which are only written to.
static MEMBERS: Mutex<Vec<net::TcpStream>> = Mutex::new(Vec::new());

pub(crate) async fn serve(listener: TcpListener) -> Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(run(stream));
    }
}

async fn run(mut stream: TcpStream) -> io::Result<()> {
    // Boxed, so that a silent connection does not carry it along.
    let path = Box::pin(handshake::accept(&mut stream)).await?;
    match &*path {
        "/sub" => {
            let member = stream.into_std()?;
            MEMBERS.lock().unwrap_or_else(PoisonError::into_inner).push(member);
            Ok(())
        }
        "/pub" => Box::pin(publish(stream)).await,
        _ => Box::pin(echo(stream)).await,
    }
}

/// Writes what came in one read to all members, in one write each. They read as fast as is published here, so what a
/// kernel does not take at once is an error.
async fn publish(mut stream: TcpStream) -> io::Result<()> {
    let mut part = Vec::new();
    while poll_fn(|context| publish_once(&mut stream, &mut part, context)).await? {}
    Ok(())
}

fn publish_once(stream: &mut TcpStream, part: &mut Vec<u8>, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
    BUFFERS.with_borrow_mut(|buffers| {
        let is_open = ready!(read(stream, part, buffers, context))?;
        let output = &buffers.1;
        if output.is_empty() {
            return Poll::Ready(Ok(is_open));
        }
        for mut member in &*MEMBERS.lock().unwrap_or_else(PoisonError::into_inner) {
            if member.write(output)? < output.len() {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
        }
        Poll::Ready(Ok(is_open))
    })
}

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    // The part of a frame that has come, and what the kernel did not take.
    let (mut part, mut rest) = (Vec::new(), Vec::new());
    loop {
        if !poll_fn(|context| turn(&mut stream, &mut part, &mut rest, context)).await? {
            return Ok(());
        }
        while !rest.is_empty() {
            stream.writable().await?;
            match stream.try_write(&rest) {
                Ok(written) => drop(rest.drain(..written)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        if rest.capacity() > 0 {
            rest = Vec::new();
        }
    }
}

/// One read, one write. Says whether there is more to come.
fn turn(
    stream: &mut TcpStream,
    part: &mut Vec<u8>,
    rest: &mut Vec<u8>,
    context: &mut Context<'_>,
) -> Poll<io::Result<bool>> {
    BUFFERS.with_borrow_mut(|buffers| {
        let is_open = ready!(read(stream, part, buffers, context))?;
        let output = &buffers.1;
        let written = match stream.try_write(output) {
            Ok(written) => written,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => return Poll::Ready(Err(error)),
        };
        rest.extend_from_slice(&output[written..]);
        Poll::Ready(Ok(is_open))
    })
}

/// Reads once, and puts every whole frame into the output as it is to be written. Says whether there is more to come.
///
/// By `poll_read`, which takes a read that does not fill the buffer for the last one; `try_read` has to be told by the
/// kernel, in a call for each message.
fn read(
    stream: &mut TcpStream,
    part: &mut Vec<u8>,
    (input, output): &mut (Vec<u8>, Vec<u8>),
    context: &mut Context<'_>,
) -> Poll<io::Result<bool>> {
    output.clear();
    let mut buffer = ReadBuf::new(input);
    ready!(Pin::new(&mut *stream).poll_read(context, &mut buffer))?;
    let read = buffer.filled().len();
    if read == 0 {
        return Poll::Ready(Ok(false));
    }
    if part.is_empty() {
        let taken = frames(&mut input[..read], output);
        if taken < read {
            part.extend_from_slice(&input[taken..read]);
        }
    } else {
        part.extend_from_slice(&input[..read]);
        let taken = frames(part, output);
        part.drain(..taken);
        if part.is_empty() {
            *part = Vec::new();
        }
    }
    Poll::Ready(Ok(true))
}

/// Answers every whole frame. Says how many bytes they were.
fn frames(input: &mut [u8], output: &mut Vec<u8>) -> usize {
    let mut taken = 0;
    while let Some((mask, payload)) = next(&input[taken..]) {
        let (mask, payload) = (taken + mask, taken + payload.start..taken + payload.end);
        // The header without the mask and its bit.
        let header = output.len();
        output.extend_from_slice(&input[taken..mask]);
        output[header + 1] &= 0x7F;
        let key = [input[mask], input[mask + 1], input[mask + 2], input[mask + 3]];
        taken = payload.end;
        let payload = &mut input[payload];
        unmask(payload, key);
        output.extend_from_slice(payload);
    }
    taken
}

/// Where the next frame's mask and payload are, when it is whole.
fn next(input: &[u8]) -> Option<(usize, Range<usize>)> {
    let (mask, length) = match input.get(1)? & 0x7F {
        126 => (4, usize::from(u16::from_be_bytes(input.get(2..4)?.try_into().ok()?))),
        127 => (
            10,
            usize::try_from(u64::from_be_bytes(input.get(2..10)?.try_into().ok()?)).ok()?,
        ),
        length => (2, usize::from(length)),
    };
    let end = mask + 4 + length;
    (end <= input.len()).then_some((mask, mask + 4..end))
}

fn unmask(payload: &mut [u8], key: [u8; 4]) {
    let word = u64::from_ne_bytes([key[0], key[1], key[2], key[3], key[0], key[1], key[2], key[3]]);
    let (words, rest) = payload.as_chunks_mut::<8>();
    for bytes in words {
        *bytes = (u64::from_ne_bytes(*bytes) ^ word).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}
