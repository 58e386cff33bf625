//! Where the project and what it is built from may lie.

use crate::kit::{Project, Serve};

#[test]
fn a_project_behind_a_symbolic_link_is_served() {
    let project = Project::new();
    let links = tempfile::tempdir().unwrap();
    let link = links.path().join("link");
    std::os::unix::fs::symlink(&project.root, &link).unwrap();
    let mut command = project.nova(&["serve", "--port", "0"]);
    command.current_dir(&link).env("PWD", &link);
    let serve = Serve::start_with(command);
    std::fs::write(link.join("src/body.rs"), "pub const TEXT: &str = \"two\";\n").unwrap();
    serve.wait_for("Reloaded src/body.rs in ");
    assert_eq!(serve.get("/").1, "two");
}

/// A workspace with the application in `app`, a member beside it, and a package outside.
fn workspace() -> (Project, tempfile::TempDir) {
    let mut project = Project::new();
    let outside = tempfile::tempdir().unwrap();
    let package = |name: &str| format!("[package]\nname = {name:?}\nedition = \"2024\"\n");
    std::fs::create_dir_all(outside.path().join("src")).unwrap();
    std::fs::write(outside.path().join("Cargo.toml"), package("outside") + "[workspace]\n").unwrap();
    std::fs::write(
        outside.path().join("src/lib.rs"),
        "pub const OUTSIDE: &str = \"one\";\n",
    )
    .unwrap();
    project.write(
        "Cargo.toml",
        "[workspace]\nresolver = \"3\"\nmembers = [\"app\", \"beside\"]\nexclude = [\"runtime\"]\n",
    );
    project.write("beside/Cargo.toml", &package("beside"));
    project.write("beside/src/lib.rs", "pub const BESIDE: &str = \"one\";\n");
    project.write("beside/notes.txt", "one");
    std::fs::remove_dir_all(project.root.join("src")).unwrap();
    let manifest = format!(
        "{}[dependencies]\nnova = {{ package = \"nova-framework\", path = \"../runtime\" }}\n\
         beside = {{ path = \"../beside\" }}\noutside = {{ path = \"{}\" }}\n",
        package("myapp"),
        outside.path().display()
    );
    project.write("app/Cargo.toml", &manifest);
    project.write("app/src/main.rs", include_str!("../stand_in/application.rs"));
    project.write(
        "app/src/body.rs",
        "pub const TEXT: &str = if beside::BESIDE.len() + outside::OUTSIDE.len() == 6 { \"old\" } else { \"new\" };\n",
    );
    project.root.push("app");
    (project, outside)
}

#[test]
fn packages_that_lie_elsewhere_are_watched() {
    let (project, outside) = workspace();
    let serve = Serve::start(&project);
    assert_eq!(serve.get("/").1, "old");

    project.write("../beside/src/lib.rs", "pub const BESIDE: &str = \"three\";\n");
    serve.wait_for("Reloaded ../beside/src/lib.rs in ");
    assert_eq!(serve.get("/").1, "new");

    std::fs::write(outside.path().join("src/lib.rs"), "pub const OUTSIDE: &str = \"x\";\n").unwrap();
    serve.wait_for("src/lib.rs in ");
    assert_eq!(serve.get("/").1, "old");

    // Its errors have a place, too.
    project.write("../beside/src/lib.rs", "pub const BESIDE: &str = 3;\n");
    let failed = serve.wait_for_event("failed");
    assert_eq!(failed["diagnostics"][0]["file"], "../beside/src/lib.rs");
    project.write("../beside/src/lib.rs", "pub const BESIDE: &str = \"one\";\n");
    serve.wait_for("Reloaded ");

    project.write("../Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"app\", \"beside\"]\nexclude = [\"runtime\"]\n[profile.dev]\nopt-level = 1\n");
    serve.wait_for("Reloaded ../Cargo.toml in ");
}

#[test]
fn what_a_build_script_and_the_code_name_counts() {
    let project = Project::new();
    project.write("proto/body.proto", "one");
    project.write("texts/body.txt", "one");
    project.write(
        "build.rs",
        "fn main() {\n    println!(\"cargo::rerun-if-changed=proto/body.proto\");\n    \
         println!(\"cargo::rustc-env=BODY={}\", std::fs::read_to_string(\"proto/body.proto\").unwrap());\n}\n",
    );
    project.write(
        "src/body.rs",
        "pub const TEXT: &str = concat!(env!(\"BODY\"), include_str!(\"../texts/body.txt\"));\n",
    );
    let serve = Serve::start(&project);
    assert_eq!(serve.get("/").1, "oneone");
    project.write("proto/body.proto", "two");
    serve.wait_for("Reloaded proto/body.proto in ");
    assert_eq!(serve.get("/").1, "twoone");
    project.write("texts/body.txt", "two");
    serve.wait_for("Reloaded texts/body.txt in ");
    assert_eq!(serve.get("/").1, "twotwo");

    project.write(".cargo/config.toml", "[build]\nrustflags = [\"--cfg=other\"]\n");
    serve.wait_for("Reloaded .cargo/config.toml in ");
}
