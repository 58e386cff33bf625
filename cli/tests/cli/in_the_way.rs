//! What is in the way of a file that is to be written, and is no file.

use std::process::Command;

use super::Sandbox;

/// Makes something that is no file.
type Make = fn(&std::path::Path);

#[test]
fn what_is_no_file_is_in_the_way_and_is_not_waited_for() {
    use std::os::unix::fs::symlink;
    let makes: [(Make, &str); 6] = [
        (
            |path| {
                let made = Command::new("mkfifo").arg(path).status().unwrap();
                assert!(made.success());
            },
            "is in the way: it is a pipe",
        ),
        (
            |path| drop(std::os::unix::net::UnixListener::bind(path).unwrap()),
            "is in the way: it is a socket",
        ),
        (
            |path| symlink("/dev/zero", path).unwrap(),
            "is in the way: it is a device",
        ),
        (
            |path| symlink("nowhere.rs", path).unwrap(),
            "is in the way: it is a link that leads nowhere",
        ),
        (|path| symlink(path, path).unwrap(), "can't be read: "),
        (
            |path| std::fs::create_dir(path).unwrap(),
            "is in the way: it is a directory",
        ),
    ];
    for (make, message) in makes {
        for file in [
            "src/lib.rs",
            "src/controllers/posts.rs",
            "src/routes.rs",
            "src/controllers/mod.rs",
            "views/posts/index.hbs",
        ] {
            let sandbox = Sandbox::with_project();
            let path = sandbox.path("myapp").join(file);
            let _ = std::fs::remove_file(&path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            make(&path);
            for command in ["gen controller posts", "gen controller posts --force"] {
                sandbox
                    .app(command)
                    .failed(1, &format!("{file} {message}"))
                    .failed(1, "nothing was written");
            }
            assert!(path.symlink_metadata().is_ok());
            assert!(!sandbox.path("myapp/.nova.journal").exists());
        }
    }
    // Templates are read from files too.
    let sandbox = Sandbox::with_project();
    sandbox.app("eject controller").succeeded();
    let template = ".nova/templates/controller/kind.toml";
    std::fs::remove_file(sandbox.path("myapp").join(template)).unwrap();
    makes[0].0(&sandbox.path("myapp").join(template));
    sandbox
        .app("gen controller posts")
        .failed(1, &format!("{template} can't be read: it is a pipe"));

    let sandbox = Sandbox::with_project();
    symlink("nowhere", sandbox.path("myapp/src/ws")).unwrap();
    sandbox
        .app("gen ws-handler chat")
        .failed(1, "src/ws is in the way: it is a link that leads nowhere");
}

/// What is written beside a file before it takes its place is not written through somebody's link.
#[test]
fn a_link_where_a_file_waits_is_not_followed() {
    let sandbox = Sandbox::with_project();
    sandbox.write("mine.txt", "mine\n");
    for name in ["myapp/src/.routes.rs.nova.tmp", "myapp/.nova.journal.new"] {
        std::os::unix::fs::symlink(sandbox.path("mine.txt"), sandbox.path(name)).unwrap();
    }
    sandbox.app("gen controller posts").succeeded();
    assert_eq!(sandbox.read("mine.txt"), "mine\n");
    assert!(
        sandbox
            .path("myapp/src/routes.rs")
            .symlink_metadata()
            .unwrap()
            .is_file()
    );
}
