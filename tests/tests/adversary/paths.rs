//! Paths that lead somewhere else.

use nova::App;
use nova::prelude::*;
use nova_tests::{Project, Server};

use crate::kit::{goes_on, statuses};

const SECRET: &str = "root:x:0:0";

fn server() -> Server {
    let project = Project::new()
        .file("assets/a.txt", "an asset")
        .file("assets/sub/b.txt", "another")
        .file("passwd", SECRET)
        .file("outside/passwd", SECRET);
    let outside = project.path().join("outside");
    #[cfg(unix)]
    let project = project
        .link("assets/file", outside.join("passwd"))
        .link("assets/directory", &outside)
        .link("assets/up", "..")
        .link("assets/sub/self", "../a.txt");
    project.serve(|| {
        let send = async |Path(path): Path<String>| Reply::sendfile(SendFile::new("assets", path));
        let given = async |Path(id): Path<String>| format!("<{id}>");
        let group = Group::new("/").get("/", async || "here").assets("/assets", "assets");
        let group = group
            .get("/send/{*path}", send)
            .get("/users/{id}", given)
            .get("/users/{id}/edit", async || "edit");
        App::new(move || Routes::new().group(group))
    })
}

/// The statuses of a request for a target, which is sent as it is.
fn of(server: &Server, target: &[u8]) -> Vec<u16> {
    let rest = b" HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    statuses(server, [b"GET ", target, rest].concat())
}

#[test]
fn no_path_leads_out_of_the_assets() {
    let server = server();
    assert_eq!(server.get("/assets/sub/b.txt").text(), "another");
    for place in ["/assets/", "/send/"] {
        for path in [
            "../passwd",
            "../../../../../../../etc/passwd",
            "sub/../../passwd",
            "./../passwd",
            "..",
            "../",
            "%2e%2e/passwd",
            "%2e%2e%2fpasswd",
            "..%2fpasswd",
            "..%2Fpasswd",
            "%2E%2E/passwd",
            ".%2e/passwd",
            "sub%2f..%2f..%2fpasswd",
            "%252e%252e/passwd",
            "..%252fpasswd",
            "%25252e%25252e%25252fpasswd",
            "..%5cpasswd",
            "..\\passwd",
            "..%c0%afpasswd",
            "%c0%ae%c0%ae/passwd",
            "%e0%80%ae%e0%80%ae/passwd",
            "..%ef%bc%8fpasswd",
            "a.txt%00",
            "%00",
            "a.txt%00.html",
            "..%00/passwd",
            "/etc/passwd",
            "%2fetc%2fpasswd",
            "//etc/passwd",
            "file:///etc/passwd",
            "C:%5cwindows",
            "C:\\windows",
            "a.txt/",
            "a.txt/../../passwd",
            "....//passwd",
            "..;/passwd",
            "file",
            "directory/passwd",
            "up/passwd",
            "up/up/passwd",
        ] {
            let target = format!("{place}{path}");
            let response = server.get(&target);
            let is_own = path == "a.txt/";
            assert!(
                is_own || matches!(response.status, 400 | 404),
                "{target}: {}",
                response.status
            );
            assert!(!String::from_utf8_lossy(&response.body).contains(SECRET), "{target}");
        }
    }
    goes_on(&server);
}

#[test]
fn bytes_that_are_no_path_are_refused() {
    let server = server();
    for target in [
        &b"/assets/\xff\xfe"[..],
        b"/assets/a.txt\0",
        b"/assets/a\tb",
        b"assets/a.txt",
        b"/assets/\x7f",
    ] {
        let statuses = of(&server, target);
        assert!(matches!(statuses[..], [400 | 404]), "{target:?}: {statuses:?}");
    }
    goes_on(&server);
}

#[test]
fn a_parameter_is_one_segment_whatever_is_in_it() {
    let server = server();
    for (target, given) in [
        ("/users/a%2Fedit", "<a/edit>"),
        ("/users/..%2f..%2fpasswd", "<../../passwd>"),
        ("/users/%2e%2e", "<..>"),
        ("/users/a%252fb", "<a%2fb>"),
        ("/users/a%00b", "<a\0b>"),
        ("/users/a+b", "<a+b>"),
        ("/users/%E2%82%AC", "<€>"),
    ] {
        let response = server.get(target);
        assert_eq!((response.status, response.text()), (200, given), "{target}");
    }
    // What is no text is no parameter.
    for target in ["/users/%ff", "/users/%c0%af", "/users/%ed%a0%80"] {
        assert_eq!(server.get(target).status, 400, "{target}");
    }
    // An escape that is none is what it is.
    assert_eq!(server.get("/users/%zz").status, 200);
    assert_eq!(server.get("/users/a/edit").text(), "edit");
}
