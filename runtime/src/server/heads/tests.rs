use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

use super::*;

/// Which requests are refused of those that come in one piece.
fn refused(bytes: &[u8]) -> Vec<bool> {
    let mut heads = Heads::new();
    heads.follow(bytes).unwrap();
    (0..heads.ended).map(|nth| heads.refuses(nth)).collect()
}

#[test]
fn a_head_that_others_may_read_differently_is_refused() {
    for head in [
        "GET / HTTP/1.1\nhost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\n\n",
        "\nGET / HTTP/1.1\r\nhost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
        "POST / HTTP/1.1\r\nCONTENT-LENGTH: 0\r\ntransfer-encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\ncontent-length: 3\r\ncontent-length: 3\r\n\r\n",
    ] {
        assert_eq!(refused(head.as_bytes()), [true], "{head:?}");
    }
    let fine = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n\n\nGET / HTTP/1.1\r\nhost: a\r\n\r\n";
    assert_eq!(refused(fine.as_bytes()), [false, false]);
    // And so are all that come behind one.
    let mixed = "GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\n\r\nGET / HTTP/1.1\r\n\r\n";
    assert_eq!(refused(mixed.as_bytes()), [false, true, true]);
}

#[test]
fn a_head_that_is_too_long_is_known_by_where_it_is() {
    let many = format!("GET / HTTP/1.1\r\n{}", "a: b\r\n".repeat(MAX_HEAD));
    let long = format!("GET /{} HTTP/1.1\r\n", "a".repeat(MAX_HEAD));
    for (head, too_long) in [(many, TooLong::Head), (long, TooLong::Target)] {
        let before = b"GET / HTTP/1.1\r\n\r\n";
        let all = [before, head.as_bytes()].concat();
        assert_eq!(Heads::new().follow(&all), Err((too_long, before.len())));
        // Byte by byte it is the same head.
        let mut heads = Heads::new();
        let at = all.iter().position(|byte| heads.follow(&[*byte]).is_err());
        let at = at.unwrap() - before.len();
        assert!((MAX_HEAD - 1..=MAX_HEAD).contains(&at), "{at}");
    }
    let whole = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(MAX_HEAD - 18));
    assert_eq!((whole.len(), refused(whole.as_bytes())), (MAX_HEAD, vec![false]));
}

/// A request as it should be, in one of the ways in which that can be said.
fn request() -> impl Strategy<Value = Vec<u8>> {
    let field = "[a-z]{1,20}: ?[ -~]{0,60}".prop_map(|field| format!("x-{field}"));
    let length = select(vec!["content-length:", "Content-Length: ", "CONTENT-LENGTH:\t "]);
    let chunked = select(vec!["transfer-encoding: chunked", "Transfer-Encoding:CHUNKED"]);
    let chunk = (vec(any::<u8>(), 1..40), select(vec!["", ";a=b", " ", " ; a=\"b\""]));
    let trailers = vec("x-[a-z]{1,5}: [a-z]{0,5}", 0..3);
    let body = prop_oneof![
        Just((String::new(), Vec::new())),
        (length, vec(any::<u8>(), 0..100)).prop_map(|(name, body)| (format!("{name}{}\r\n", body.len()), body)),
        (chunked, vec(chunk, 0..4), trailers).prop_map(|(name, chunks, trailers)| {
            let mut body = Vec::new();
            for (chunk, extension) in chunks {
                body.extend(format!("{:x}{extension}\r\n", chunk.len()).bytes());
                body.extend([&chunk[..], b"\r\n"].concat());
            }
            body.extend(b"000\r\n");
            for trailer in trailers {
                body.extend([trailer.as_bytes(), b"\r\n"].concat());
            }
            body.extend(b"\r\n");
            (format!("{name}\r\n"), body)
        }),
    ];
    let before = select(vec!["", "", "", "\r\n"]);
    (before, vec(field, 0..6), body, any::<Index>()).prop_map(|(before, fields, (framing, body), place)| {
        let mut fields: Vec<_> = fields.into_iter().map(|field| format!("{field}\r\n")).collect();
        fields.insert(place.index(fields.len() + 1), framing);
        let head = format!("{before}POST /a HTTP/1.1\r\n{}\r\n", fields.concat());
        [head.into_bytes(), body].concat()
    })
}

/// Bytes in pieces.
fn cut(bytes: &[u8], places: &[Index]) -> Vec<Vec<u8>> {
    let mut places: Vec<_> = places.iter().map(|place| place.index(bytes.len() + 1)).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    places.windows(2).map(|ends| bytes[ends[0]..ends[1]].to_vec()).collect()
}

/// What hyper makes of bytes: how many requests it passes on, with the number of those that were refused when it did.
fn served(pieces: Vec<Vec<u8>>) -> (u64, Vec<u64>) {
    crate::testing::run(async move {
        let (mut client, server) = duplex(1 << 20);
        let heads = Arc::new(Mutex::new(Heads::new()));
        let calls = Arc::new(Mutex::new((0, Vec::new())));
        let (heard, noted) = (Arc::clone(&heads), Arc::clone(&calls));
        let service = hyper::service::service_fn(move |request: Request<Incoming>| {
            let mut calls = noted.lock().unwrap();
            let nth = calls.0;
            calls.0 += 1;
            if heard.lock().unwrap().refuses(nth) {
                calls.1.push(nth);
            }
            async move {
                let _ = request.into_body().collect().await;
                Ok::<_, Infallible>(Response::new(Empty::<&[u8]>::new()))
            }
        });
        let http = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(server), service);
        let client = async {
            for piece in pieces {
                // Before hyper sees it, as on a connection.
                let _ = heads.lock().unwrap().follow(&piece);
                if client.write_all(&piece).await.is_err() {
                    return;
                }
                tokio::task::yield_now().await;
            }
            let _ = client.shutdown().await;
            let _ = client.read_to_end(&mut Vec::new()).await;
        };
        let _ = tokio::join!(http, client);
        let calls = calls.lock().unwrap();
        (calls.0, calls.1.clone())
    })
}

proptest! {
    #[test]
    fn requests_that_are_as_they_should_be_are_followed_however_they_come(
        requests in vec(request(), 1..6),
        places in vec(any::<Index>(), 0..12),
    ) {
        let bytes = requests.concat();
        let mut heads = Heads::new();
        for piece in cut(&bytes, &places) {
            prop_assert_eq!(heads.follow(&piece), Ok(()));
        }
        prop_assert!(heads.is_between());
        prop_assert_eq!((heads.ended, heads.refused), (requests.len() as u64, None));
        prop_assert_eq!(served(cut(&bytes, &places)), (requests.len() as u64, vec![]));
    }

    /// Of two heads hyper never takes for one what is taken for another here: it passes on no request that is not followed.
    #[test]
    fn hyper_passes_on_no_request_that_is_not_followed(
        requests in vec(request(), 1..4),
        changes in vec((any::<Index>(), select(b"\r\n\0 :;0aZ,\t\xff1".to_vec()), 0..3_u8), 0..4),
        places in vec(any::<Index>(), 0..6),
    ) {
        let mut bytes = requests.concat();
        for (place, byte, kind) in changes {
            let place = place.index(bytes.len());
            match kind {
                0 => bytes[place] = byte,
                1 => bytes.insert(place, byte),
                _ => drop(bytes.remove(place)),
            }
        }
        let mut heads = Heads::new();
        let _ = heads.follow(&bytes);
        let (calls, refused) = served(cut(&bytes, &places));
        prop_assert!(calls <= heads.ended, "{} of {}", calls, heads.ended);
        // And none is refused that has only CRLF in it and says once how long it is.
        if let Some(first) = refused.first() {
            prop_assert!(heads.refused.is_some_and(|refused| refused <= *first));
        }
    }

    /// What httparse finds in a head is what is found here.
    #[test]
    fn a_head_ends_where_httparse_says(request in request(), more in vec(any::<u8>(), 0..50)) {
        let bytes = [request, more].concat();
        let mut fields = [httparse::EMPTY_HEADER; 32];
        let mut parsed = httparse::Request::new(&mut fields);
        let Ok(httparse::Status::Complete(end)) = parsed.parse(&bytes) else {
            return Err(TestCaseError::fail("it is a request"));
        };
        let mut heads = Heads::new();
        prop_assert_eq!(heads.follow(&bytes[..end - 1]), Ok(()));
        prop_assert_eq!(heads.ended, 0);
        prop_assert_eq!(heads.follow(&bytes[end - 1..end]), Ok(()));
        prop_assert_eq!((heads.ended, heads.refuses(0)), (1, false));
    }
}
