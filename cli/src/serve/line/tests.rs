//! The line, with a process played by the test.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as Theirs;
use std::time::Duration;

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

use super::*;

fn pair() -> (Line, Theirs) {
    let (line, theirs) = Line::pair().unwrap();
    (line, Theirs::from(theirs))
}

/// Runs the line until it says something, or for a moment.
async fn run(line: &mut Line) -> Option<Said> {
    tokio::time::timeout(Duration::from_millis(20), line.next()).await.ok()
}

/// Reads at least a byte, with the descriptor that comes with it.
fn receive(theirs: &Theirs) -> (String, Option<OwnedFd>) {
    let mut bytes = [0; 256];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut buffers = [std::io::IoSliceMut::new(&mut bytes)];
    let received = recvmsg(theirs, &mut buffers, &mut control, RecvFlags::DONTWAIT).unwrap();
    let descriptor = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    (
        String::from_utf8_lossy(&bytes[..received.bytes]).into_owned(),
        descriptor,
    )
}

#[tokio::test]
async fn a_descriptor_goes_with_its_line_and_before_all_news() {
    let (mut line, theirs) = pair();
    let (ours, mut other) = Theirs::pair().unwrap();
    line.outbox().tell(&News::Building { build: 7 });
    line.outbox().hand(Role::Take, ours.into());
    assert_eq!(run(&mut line).await, None);
    let (text, descriptor) = receive(&theirs);
    assert!(text.starts_with("{\"event\":\"take\"}\n"), "{text}");
    let mut end = Theirs::from(descriptor.expect("a descriptor"));
    end.write_all(b"x").unwrap();
    // No copy of it is left here.
    drop(end);
    let mut said = String::new();
    other.read_to_string(&mut said).unwrap();
    assert_eq!(said, "x");
    assert!(!line.owes_an_answer());
}

#[tokio::test]
async fn who_was_told_to_give_owes_an_answer() {
    let (mut line, mut theirs) = pair();
    line.outbox().hand(Role::Give, Theirs::pair().unwrap().0.into());
    run(&mut line).await;
    assert!(line.owes_an_answer());
    // In pieces, and behind something that is not known here.
    theirs.write_all(b"{\"event\":\"later\"}\n{\"event\":\"mov").unwrap();
    assert_eq!(run(&mut line).await, None);
    theirs.write_all(b"ed\",\"moved\":2}\n").unwrap();
    assert!(matches!(run(&mut line).await, Some(Said::Moved { moved: 2, .. })));
    assert!(!line.owes_an_answer());
}

#[tokio::test]
async fn who_does_not_read_misses_the_oldest_news_and_no_handoff() {
    let (mut line, theirs) = pair();
    let outbox = line.outbox();
    let text = "x".repeat(LINE / 2);
    let files = vec![std::path::PathBuf::from(text)];
    for _ in 0..3 {
        // More than the socket takes.
        outbox.tell(&News::Changed { files: files.clone() });
        run(&mut line).await;
    }
    for build in 0..1000 {
        outbox.tell(&News::Building { build });
    }
    outbox.hand(Role::Give, Theirs::pair().unwrap().0.into());
    let reader = std::thread::spawn(move || {
        let lines = BufReader::new(theirs).lines().map_while(Result::ok);
        let short: Vec<String> = lines.filter(|line| line.len() < 100).collect();
        short
    });
    while !outbox.queue().news.is_empty() || line.sending.is_some() {
        run(&mut line).await;
    }
    drop(line);
    let short = reader.join().unwrap();
    assert_eq!(short.first().map(String::as_str), Some("{\"event\":\"give\"}"));
    assert_eq!(short.len(), 1 + WAITING);
    assert_eq!(
        short.last().map(String::as_str),
        Some("{\"event\":\"building\",\"build\":999}")
    );
}

#[tokio::test]
async fn a_line_without_an_end_is_not_kept() {
    let (mut line, mut theirs) = pair();
    let writer = std::thread::spawn(move || {
        theirs.write_all(&vec![b'x'; 3 * LINE]).unwrap();
        theirs.write_all(b"\n{\"event\":\"kept\"}\n").unwrap();
        theirs
    });
    let kept = Said::Kept { reason: String::new() };
    assert_eq!(line.next().await, kept);
    assert!(line.received.capacity() <= 4 * LINE);
    writer.join().unwrap();
}

#[tokio::test]
async fn a_process_that_closes_its_end_is_told_nothing() {
    let (mut line, theirs) = pair();
    line.outbox().hand(Role::Give, Theirs::pair().unwrap().0.into());
    run(&mut line).await;
    drop(theirs);
    let (ours, mut other) = Theirs::pair().unwrap();
    line.outbox().hand(Role::Give, ours.into());
    assert_eq!(run(&mut line).await, None);
    assert!(!line.owes_an_answer());
    assert_eq!(other.read(&mut [0]).unwrap(), 0, "the descriptor is closed");
}
