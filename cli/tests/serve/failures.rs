//! What can go wrong with a build, and with where it is built.

use rustix::process::Signal;

use crate::kit::{Project, Serve, eventually};

#[test]
fn each_kind_of_error_leaves_the_old_build_serving() {
    let project = Project::new();
    let serve = Serve::start(&project);
    let first = serve.get("/");
    for (source, said) in [
        ("pub const TEXT: &str = \"two\"", "error: expected one of "),
        ("pub const TEXT: &str = 2;", "error[E0308]: mismatched types"),
        (
            "#[link(name = \"doesnotexist\")]\nunsafe extern \"C\" { static absent: u8; }\n\
             pub const TEXT: &str = \"two\";\n#[used]\nstatic PLACE: unsafe extern \"C\" fn() = at;\n\
             unsafe extern \"C\" fn at() { unsafe { std::ptr::read_volatile(&raw const absent); } }\n",
            "error: linking with ",
        ),
    ] {
        project.write("src/body.rs", source);
        serve.wait_for(said);
        serve.wait_for("Failed 1 error; still serving the previous build");
        assert_eq!(serve.get("/"), first);
    }
    project.write("Cargo.toml", "[package]\nname = ");
    serve.wait_for("error: ");
    serve.wait_for("Failed cargo could not build it; still serving the previous build");
    assert_eq!(serve.get("/"), first);
}

#[test]
fn a_project_that_is_removed_is_waited_for() {
    let project = Project::new();
    let mut serve = Serve::start(&project);
    let first = serve.get("/");
    let away = project.directory().with_extension("away");
    std::fs::rename(&project.root, &away).unwrap();
    serve.wait_for(" is gone; it is looked for every second");
    assert_eq!(serve.get("/"), first, "what serves goes on");
    let ticks = || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", serve.child.id())).unwrap();
        let (_, fields) = stat.rsplit_once(") ").unwrap();
        let field = |at: usize| -> u64 { fields.split(' ').nth(at).unwrap().parse().unwrap() };
        field(11) + field(12)
    };
    let before = ticks();
    std::thread::sleep(std::time::Duration::from_secs(1));
    assert!(ticks() - before < 50, "it waits, and does not spin");

    std::fs::rename(&away, &project.root).unwrap();
    project.write_body("back");
    serve.wait_for("Reloaded ");
    assert_eq!(serve.get("/").1, "back");

    std::fs::remove_dir_all(&project.root).unwrap();
    serve.wait_for(" is gone; ");
    serve.signal(Signal::INT);
    assert_eq!(serve.exit_code(), Some(130));
}

#[test]
fn two_commands_share_a_project_and_not_a_port() {
    let project = Project::new();
    let one = Serve::start(&project);
    let two = Serve::start(&project);
    project.write_body("two");
    one.wait_for("Reloaded ");
    two.wait_for("Reloaded ");
    assert_eq!((one.get("/").1, two.get("/").1), ("two".to_owned(), "two".to_owned()));

    let port = one.address.rsplit_once(':').unwrap().1;
    let output = project.output(&["serve", "--port", port]);
    let said = crate::kit::stderr(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said.starts_with(&format!(
            "error: port {port} is in use\n       nova (process {})",
            one.child.id()
        )),
        "{said}"
    );
    eventually("the first one still serves", || one.get("/").1 == "two");
}
