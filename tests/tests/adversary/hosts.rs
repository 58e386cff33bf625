//! Which host a request is for, and that it is one.

use crate::kit::{answers, goes_on, server, statuses};

#[test]
fn a_request_names_one_host_and_nothing_else() {
    let server = server("");
    let with = |fields: &str| format!("GET / HTTP/1.1\r\n{fields}\r\n");
    for fields in [
        "",
        "host: a\r\nhost: a\r\n",
        "host: a\r\nhost: b\r\n",
        "host:\r\n",
        "host: :80\r\n",
        "host: user@a\r\n",
        "host: user:secret@a\r\n",
        "host: a/b\r\n",
        "host: a?b\r\n",
        "host: a#b\r\n",
        "host: a b\r\n",
        "host: http://a\r\n",
        "host: a:b\r\n",
        "host: a:99999\r\n",
        "host: [::1\r\n",
    ] {
        assert_eq!(statuses(&server, with(fields)), [400], "{fields:?}");
    }
    for target in ["http://user@a/", "http://user:secret@a/", "http:///", "http://a:99999/"] {
        let request = format!("GET {target} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        assert_eq!(statuses(&server, request), [400], "{target:?}");
    }
    goes_on(&server);
}

#[test]
fn the_target_says_the_host_where_it_says_one() {
    let server = server("");
    for (target, host) in [("/host", "b.example:1"), ("http://a.example:80/host", "a.example:80")] {
        let request = format!("GET {target} HTTP/1.1\r\nhost: b.example:1\r\nconnection: close\r\n\r\n");
        assert_eq!(
            answers(&server, request)[0].text(),
            format!("Some(\"{host}\")"),
            "{target}"
        );
    }
}

#[test]
fn a_request_of_http_1_0_may_name_none() {
    let server = server("");
    assert_eq!(statuses(&server, "GET / HTTP/1.0\r\n\r\n"), [200]);
    assert_eq!(statuses(&server, "GET / HTTP/1.0\r\nhost: a\r\nhost: b\r\n\r\n"), [400]);
}
