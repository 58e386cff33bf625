//! The packages as they would be published: whole, and the command builds and works from its own.

use std::path::Path;

use crate::kit::Run;
use crate::kit::command::{cargo_in, target, workspace};

fn list(package: &str) -> Vec<String> {
    let mut cargo = cargo_in(workspace());
    cargo.args(["package", "--list", "--allow-dirty", "--package", package]);
    let run = Run::of(&mut cargo).succeeded();
    run.stdout.lines().map(str::to_owned).collect()
}

/// The files below `root`, from there; links are followed, as cargo does.
fn files(root: &Path) -> Vec<String> {
    let tree = crate::kit::project::tree(root);
    let files = tree.iter().filter(|(_, content)| content.is_some());
    files
        .map(|(path, _)| path.strip_prefix(root).unwrap().to_str().unwrap().to_owned())
        .collect()
}

#[test]
fn the_packages_hold_all_that_they_need() {
    for (package, directory) in [("nova-framework-cli", "cli"), ("nova-framework", "runtime")] {
        let listed = list(package);
        for file in ["Cargo.toml", "LICENSE-MIT", "LICENSE-APACHE"] {
            assert!(
                listed.iter().any(|it| it == file),
                "{package} has no {file}: {listed:?}"
            );
        }
        for file in files(&workspace().join(directory).join("src")) {
            assert!(
                listed.iter().any(|it| *it == format!("src/{file}")),
                "{package} lacks src/{file}"
            );
        }
    }
    let listed = list("nova-framework-cli");
    for template in files(&workspace().join("templates")) {
        let template = format!("templates/{template}");
        assert!(listed.contains(&template), "the command's package lacks {template}");
    }
}

#[test]
fn the_command_builds_and_works_from_its_package() {
    let mut cargo = cargo_in(workspace());
    // It is built where generated projects are: beside the workspace's own command it would take its place.
    cargo.args(["package", "--allow-dirty", "--package", "nova-framework-cli"]);
    let run = Run::of(&mut cargo).succeeded();
    assert!(
        !run.stderr.contains(") generated "),
        "the compiler warns:\n{}",
        run.stderr
    );

    let directory = tempfile::tempdir().unwrap();
    let mut nova = std::process::Command::new(target().join("debug/nova"));
    nova.args(["new", "from-package", "--no-git"])
        .current_dir(directory.path());
    Run::of(nova.env_remove("NOVA_PATH")).succeeded();
    let manifest = std::fs::read_to_string(directory.path().join("from-package/Cargo.toml")).unwrap();
    // No checkout is beside it, so the runtime comes from the registry.
    let (version, _) = env!("CARGO_PKG_VERSION").rsplit_once('.').unwrap();
    let dependency = format!("nova = {{ package = \"nova-framework\", version = \"{version}\" }}\n");
    assert!(manifest.contains(&dependency), "{manifest}");
}
