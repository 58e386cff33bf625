//! Sessions in memory go on in the process that takes over, with the key that was made at start.

use nova_tests::http::Response;

use crate::fakes::Fake;
use crate::kit::{Stage, order};

fn cookie(response: &Response) -> String {
    let cookie = response.header("set-cookie").unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

fn get(stage: &Stage, cookie: &str, target: &str) -> String {
    let response = stage.connect().request("GET", target, &[("cookie", cookie)], "");
    assert_eq!(response.status, 200, "{target}");
    response.text().to_owned()
}

#[test]
fn nobody_is_logged_out() {
    let stage = Stage::new();
    let mut old = stage.old();
    let ali = cookie(&stage.get("/write/0/user/ali"));
    let bob = cookie(&stage.get("/write/0/user/bob"));
    let mut new = stage.replace_all(&mut old);
    old.end();
    assert_eq!(stage.get("/code").text(), "new");
    assert_eq!(get(&stage, &ali, "/read/user"), "ali");
    assert_eq!(get(&stage, &bob, "/read/user"), "bob");
    assert_eq!(get(&stage, &bob, "/end"), "true");
    // And once more, with what has changed meanwhile.
    assert_eq!(get(&stage, &ali, "/write/0/seat/7"), "written");
    let newest = stage.replace_all(&mut new);
    new.end();
    assert_eq!(get(&stage, &ali, "/read/user"), "ali");
    assert_eq!(get(&stage, &ali, "/read/seat"), "7");
    assert_eq!(get(&stage, &bob, "/read/user"), "nothing");
    drop(newest);
    let files = std::fs::read_dir(stage.directory.path()).unwrap();
    for file in files.map(|file| file.unwrap().path()).filter(|path| path.is_file()) {
        assert!(
            !std::fs::read_to_string(&file).unwrap().contains("ali"),
            "{}",
            file.display()
        );
    }
}

#[test]
fn what_a_request_does_that_still_runs_in_the_old_process_reaches_the_new_one() {
    let stage = Stage::new();
    let mut old = stage.old();
    let ali = cookie(&stage.get("/write/0/user/ali"));
    let mut slow = stage.connect();
    slow.send(format!(
        "GET /write/500/slow/done HTTP/1.1\r\nhost: localhost\r\ncookie: {ali}\r\n\r\n"
    ));
    let mut created = stage.connect();
    created.send("GET /write/500/user/eve HTTP/1.1\r\nhost: localhost\r\n\r\n");
    // They have been accepted before this one.
    assert_eq!(stage.get("/code").text(), "old");
    let new = stage.replace_all(&mut old);
    assert_eq!(get(&stage, &ali, "/write/0/fast/done"), "written");
    assert_eq!(slow.response("GET").text(), "written");
    let eve = cookie(&created.response("GET"));
    // It has told everything when it ends.
    old.end();
    assert_eq!(get(&stage, &ali, "/read/user"), "ali");
    assert_eq!(get(&stage, &ali, "/read/fast"), "done");
    assert_eq!(get(&stage, &ali, "/read/slow"), "done");
    assert_eq!(get(&stage, &eve, "/read/user"), "eve");
    drop(new);
}

#[test]
fn a_hand_over_that_fails_leaves_them_as_they_were() {
    let stage = Stage::new();
    let mut old = stage.old();
    let ali = cookie(&stage.get("/write/0/user/ali"));
    let mut fake = Fake::taker(old.giving());
    fake.hear_up_to("session");
    drop(fake);
    old.kept();
    assert_eq!(get(&stage, &ali, "/read/user"), "ali");
    let mut new = stage.taker("new");
    order(&mut old, &mut new);
    new.await_ready();
    assert_eq!(get(&stage, &ali, "/read/user"), "ali");
    old.end();
    drop(new);
}
