//! The log: what went wrong, where, in few lines.

use nova_tests::http::Connection;

use crate::service::start;

/// The lines of the log that a request leaves.
fn logged(target: &str) -> Vec<String> {
    let (mut process, _directory) = start();
    let headers = [("x-request-id", "7f-3")];
    let response = Connection::open(process.address()).request("GET", target, &headers, "");
    assert_eq!(response.status, 500);
    process.signal("TERM");
    process.end();
    process.lines().take()
}

#[test]
fn a_panic_is_one_line_with_its_place() {
    let lines = logged("/panic");
    assert!(
        matches!(&lines[..], [line] if line.contains("boom") && line.contains("service.rs:")),
        "{lines:?}"
    );
}

#[test]
fn an_error_without_a_fallback_is_logged_with_its_chain() {
    let lines = logged("/fails").join("\n");
    for part in ["GET /fails", "fails", "invalid digit found in string"] {
        assert!(lines.contains(part), "{part}: {lines}");
    }
}

#[test]
fn a_reply_without_a_handler_is_logged_with_its_kind() {
    let lines = logged("/unhandled").join("\n");
    assert!(lines.contains("/unhandled") && lines.contains("`unknown`"), "{lines}");
}

#[test]
fn a_line_has_the_id_of_its_request() {
    for target in ["/panic", "/fails", "/unhandled"] {
        let lines = logged(target);
        assert!(lines[0].contains("request{id=\"7f-3\"}"), "{target}: {lines:?}");
    }
}
