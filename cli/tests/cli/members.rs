//! Projects that are members of a workspace.

use super::{Sandbox, exists};

#[test]
fn a_members_dockerfile_is_built_of_the_whole_workspace() {
    let workspace =
        "[workspace]\nmembers = [\"apps/*\"]\nresolver = \"3\"\n\n[workspace.package]\nversion = \"0.3.0\"\n";
    let manifest = "[package]\nname = \"one\"\nversion.workspace = true\n\n[dependencies]\nserde.workspace = true\n";
    let sandbox = Sandbox::new();
    sandbox.write("shop/Cargo.toml", workspace);
    sandbox.write("shop/apps/one/Cargo.toml", manifest);
    sandbox
        .nova_in("shop/apps/one", ["init", "--docker", "--no-git"])
        .succeeded();
    sandbox
        .nova_in("shop", ["new", "apps/two", "--docker", "--no-git", "--db", "sqlite"])
        .succeeded();
    for name in ["one", "two"] {
        let below = format!("apps/{name}");
        let text = sandbox.read(&format!("shop/{below}/Dockerfile"));
        assert!(
            text.contains(&format!("`docker build -f {below}/Dockerfile -t {name} .`")),
            "{text}"
        );
        assert!(
            text.contains(&format!("cargo build --release --package {name} && ")),
            "{text}"
        );
        let copied = text
            .lines()
            .filter_map(|line| line.strip_prefix("COPY ")?.split_once(' '));
        let here: Vec<&str> = copied
            .map(|(from, _)| from)
            .filter(|from| !from.starts_with("--from"))
            .collect();
        assert_eq!(here.len(), 4, "{text}");
        for from in here {
            assert!(sandbox.path("shop").join(from).exists(), "{from}");
        }
        let ignored = sandbox.read(&format!("shop/{below}/Dockerfile.dockerignore"));
        assert!(ignored.starts_with("/.git\n**/.nova\n/target\n"), "{ignored}");
        assert!(!exists(&sandbox.path(&format!("shop/{below}/.dockerignore"))));
    }
    // A workspace of its own has no need of the one around it.
    sandbox
        .nova_in("shop", ["new", "alone", "--docker", "--no-git"])
        .succeeded();
    assert!(sandbox.read("shop/alone/Dockerfile").contains("COPY views ./views\n"));
    assert_eq!(sandbox.read("shop/alone/.dockerignore"), "/.git\n/.nova\n/target\n");
}
