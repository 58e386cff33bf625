//! Heads of requests that are malformed, too large, or too many.

use crate::kit::{answers, goes_on, server, statuses};

/// A head with this in place of its first line and its fields.
fn told(lines: &[&str]) -> String {
    format!("{}\r\n\r\n", lines.join("\r\n"))
}

#[test]
fn what_is_no_request_is_400() {
    let server = server("");
    for head in [
        told(&["GET / HTTP/1.32", "host: a"]),
        told(&["GET / HTTP/2.0", "host: a"]),
        told(&["GET / HTTP/9.9", "host: a"]),
        told(&["GET / http/1.1", "host: a"]),
        told(&["GET /"]),
        told(&["GET  / HTTP/1.1", "host: a"]),
        told(&["GET\t/ HTTP/1.1", "host: a"]),
        told(&["G(T / HTTP/1.1", "host: a"]),
        told(&["GET /\0 HTTP/1.1", "host: a"]),
        told(&["GET /a b HTTP/1.1", "host: a"]),
        told(&["GET / HTTP/1.1", "host: a", "x-nul: a\0b"]),
        told(&["GET / HTTP/1.1", "host: a", "x-n\0l: a"]),
        told(&["GET / HTTP/1.1", "host: a", "x-folded: a", " b"]),
        told(&["GET / HTTP/1.1", "host: a", "x-folded: a", "\tb"]),
        told(&["GET / HTTP/1.1", " host: a"]),
        told(&["GET / HTTP/1.1", "host: a", "x-space : a"]),
        told(&["GET / HTTP/1.1", "host: a", "no colon"]),
        told(&["GET / HTTP/1.1", "host: a", ": no name"]),
        told(&["GET / HTTP/1.1", "host: a", "x-é: a"]),
    ] {
        assert_eq!(statuses(&server, &head), [400], "{head:?}");
    }
    goes_on(&server);
}

#[test]
fn a_line_ends_in_crlf_and_nothing_else() {
    let server = server("");
    for head in [
        "GET / HTTP/1.1\nhost: a\n\n",
        "GET / HTTP/1.1\nhost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\nx-a: b\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\n\n",
        "\nGET / HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET / HTTP/1.1\rhost: a\r\r",
        "GET / HTTP/1.1\r\nhost: a\rx-a: b\r\n\r\n",
    ] {
        // A CR that ends nothing leaves a head that does not end, to which more may come.
        assert_eq!(statuses(&server, format!("{head}\r\n\r\n")), [400], "{head:?}");
    }
    goes_on(&server);
}

#[test]
fn what_has_no_version_is_no_request() {
    let server = server("");
    assert_eq!(statuses(&server, "GET /\r\n"), [400]);
    goes_on(&server);
}

#[test]
fn empty_lines_before_a_request_are_passed_over() {
    let server = server("");
    let request = "\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n";
    let last = "\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    assert_eq!(statuses(&server, format!("{request}{last}")), [200, 200]);
}

#[test]
fn a_head_over_16_kib_is_431_and_a_target_414() {
    let server = server("");
    let head = |line: &str, fields: &str| format!("{line} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{fields}\r\n");
    let field = |length: usize| head("GET /", &format!("x-long: {}\r\n", "a".repeat(length)));
    assert_eq!(statuses(&server, field(15_000)), [200]);
    assert_eq!(statuses(&server, field(17_000)), [431]);
    assert_eq!(statuses(&server, field(450_000)), [431]);
    let cookies = |count: usize| head("GET /", &"cookie: a=bcdefghijklmnop; q=rstuvwxyz\r\n".repeat(count));
    assert_eq!(statuses(&server, cookies(90)), [200]);
    assert_eq!(statuses(&server, cookies(1_000)), [431]);
    let target = |length: usize| head(&format!("GET /{}", "a".repeat(length)), "");
    assert_eq!(statuses(&server, target(15_000)), [404]);
    assert_eq!(statuses(&server, target(70_000)), [414]);
    assert_eq!(statuses(&server, target(1_000_000)), [414]);
    goes_on(&server);
}

#[test]
fn a_hundred_headers_are_enough() {
    let server = server("");
    let head = |count: usize| {
        let fields = "a: b\r\n".repeat(count - 2);
        format!("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{fields}\r\n")
    };
    for (count, status) in [(100, 200), (101, 431), (2_000, 431), (10_000, 431)] {
        assert_eq!(statuses(&server, head(count)), [status], "{count}");
    }
    goes_on(&server);
}

#[test]
fn a_head_that_is_too_long_behind_others_leaves_them_their_answers() {
    let server = server("");
    let first = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello";
    let long = format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}", "a".repeat(60_000));
    assert_eq!(statuses(&server, format!("{first}{long}")), [200, 431]);
}

#[test]
fn what_is_refused_says_that_the_connection_is_over() {
    let server = server("");
    let refused = [
        "GET / HTTP/1.1\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\nhost: a\r\n\r\n".to_owned(),
        format!("GET /{} HTTP/1.1\r\n", "a".repeat(20_000)),
    ];
    for request in refused {
        let mut answers = answers(&server, &request);
        assert_eq!(answers.remove(0).header("connection"), Some("close"), "{request:.40}");
        assert!(answers.is_empty());
    }
}
