//! Projects that are laid out otherwise: everything comes and goes in them, to the byte.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::Sandbox;

const KINDS: &[(&str, &str)] = &[
    ("controller posts", " index show"),
    ("controller admin/users", ""),
    ("resource article", " title --views"),
    ("ws-handler chat", ""),
    ("security bearer", ""),
    ("fallback errors", ""),
    ("reply-handler csv", ""),
    ("test signup", ""),
];

/// Generates one of each kind, and destroys them in another order.
#[track_caller]
fn all_comes_and_goes(sandbox: &Sandbox, directory: &str) {
    let before = sandbox.tree();
    let runs = |line: String| sandbox.nova_in(directory, line.split(' ')).succeeded();
    for (what, more) in KINDS {
        runs(format!("gen {what}{more}"));
    }
    let generated = sandbox.tree();
    for (what, more) in KINDS {
        runs(format!("gen {what}{more}"));
    }
    assert!(sandbox.tree() == generated, "the second time");
    for at in [2, 0, 7, 5, 3, 1, 6, 4] {
        runs(format!("destroy {}", KINDS[at].0));
    }
    assert!(sandbox.tree() == before, "something is left");
}

/// Every source file with another text.
fn rewritten(sandbox: &Sandbox, rewrite: impl Fn(&str) -> String) {
    for (path, bytes) in sandbox.tree() {
        if path.extension().is_some_and(|rs| rs == "rs") {
            let text = String::from_utf8(bytes.unwrap()).unwrap();
            fs::write(path, rewrite(&text)).unwrap();
        }
    }
}

fn project(change: impl FnOnce(&Sandbox, &Path)) -> Sandbox {
    let sandbox = Sandbox::with_project();
    let root = sandbox.path("myapp");
    change(&sandbox, &root);
    sandbox
}

#[test]
fn in_files_of_any_white_space() {
    for rewrite in [
        |text: &str| text.replace("    ", "\t"),
        |text: &str| text.trim_end().to_owned(),
        |text: &str| format!("\u{feff}{}", text.replace('\n', "\r\n")),
        |text: &str| text.replace("\n\n", "\n\r\n").replace(";\n", ";\r\n"),
        |text: &str| text.replace("\n\n", "\r\n\n"),
        |text: &str| text.replace(";\n\n", ";\n"),
        |text: &str| format!("\n\n{}\n\n\n", text.replace("\n\n", "\n\n\n")),
    ] {
        all_comes_and_goes(&project(|sandbox, _| rewritten(sandbox, rewrite)), "myapp");
    }
}

#[test]
fn where_modules_are_declared_elsewhere() {
    let only_a_program = project(|sandbox, root| {
        let library = fs::read_to_string(root.join("src/lib.rs")).unwrap();
        fs::remove_file(root.join("src/lib.rs")).unwrap();
        let main = "\nfn main() -> Result<(), nova::Error> {\n    app().run()\n}\n";
        sandbox.write("myapp/src/main.rs", &(library + main));
    });
    all_comes_and_goes(&only_a_program, "myapp");

    let another_root = project(|sandbox, root| {
        fs::rename(root.join("src/lib.rs"), root.join("src/the_library.rs")).unwrap();
        let manifest = sandbox.read("myapp/Cargo.toml");
        let library = "\n[lib]\nname = \"other\"\npath = \"./src/the_library.rs\"\n";
        sandbox.write("myapp/Cargo.toml", &(manifest + library));
    });
    all_comes_and_goes(&another_root, "myapp");

    let application_apart = project(|sandbox, _| {
        let library = sandbox.read("myapp/src/lib.rs");
        let (modules, application) = library.split_once("/// The application, as").unwrap();
        let modules = modules.replace("pub mod controllers;", "mod app;\npub mod controllers;");
        sandbox.write(
            "myapp/src/lib.rs",
            &(modules.trim_end().to_owned() + "\npub use app::app;\n"),
        );
        let application = application.replace("(routes)", "(crate::routes)");
        sandbox.write("myapp/src/app.rs", &format!("/// The application, as{application}"));
    });
    all_comes_and_goes(&application_apart, "myapp");
    application_apart.app("gen fallback errors").succeeded();
    let application = application_apart.read("myapp/src/app.rs");
    assert!(
        application.contains(".fallback(crate::fallbacks::errors::resolve)"),
        "{application}"
    );

    let flat = project(|_, root| {
        fs::rename(root.join("src/controllers/mod.rs"), root.join("src/controllers.rs")).unwrap();
        fs::create_dir(root.join("src/routes")).unwrap();
        fs::rename(root.join("src/routes.rs"), root.join("src/routes/mod.rs")).unwrap();
    });
    all_comes_and_goes(&flat, "myapp/src/controllers");

    let older = project(|sandbox, _| {
        let manifest = sandbox.read("myapp/Cargo.toml");
        sandbox.write(
            "myapp/Cargo.toml",
            &manifest.replace("edition = \"2024\"", "edition = \"2018\""),
        );
    });
    all_comes_and_goes(&older, "myapp");
}

#[test]
fn through_links_and_below_names_of_any_sort() {
    let linked = project(|sandbox, root| symlink(root, sandbox.path("linked")).unwrap());
    all_comes_and_goes(&linked, "linked");

    let source_elsewhere = project(|sandbox, root| {
        fs::rename(root.join("src"), sandbox.path("elsewhere")).unwrap();
        symlink("../elsewhere", root.join("src")).unwrap();
    });
    all_comes_and_goes(&source_elsewhere, "myapp");

    let file_elsewhere = project(|sandbox, root| {
        fs::rename(root.join("src/routes.rs"), sandbox.path("table.rs")).unwrap();
        symlink("../../table.rs", root.join("src/routes.rs")).unwrap();
    });
    all_comes_and_goes(&file_elsewhere, "myapp");
    assert!(
        file_elsewhere
            .path("myapp/src/routes.rs")
            .symlink_metadata()
            .unwrap()
            .is_symlink()
    );

    let odd = project(|sandbox, root| fs::rename(root, sandbox.path("it's \"my\" app é 日本 $HOME")).unwrap());
    all_comes_and_goes(&odd, "it's \"my\" app é 日本 $HOME");

    let member = Sandbox::new();
    member.write("Cargo.toml", "[workspace]\nmembers = [\"apps/*\"]\n");
    member.nova(["new", "apps/one", "--no-git"]).succeeded();
    all_comes_and_goes(&member, "");
}

#[test]
fn what_is_inside_a_macro_or_a_condition_is_not_guessed_at() {
    for (table, reason) in [
        (
            "macro_rules! table { () => { Group::new(\"/\") } }\n\npub fn routes() -> Routes {\n    Routes::new().group(table!())\n}\n",
            "has no `Group::new(\"/\")`",
        ),
        (
            "#[cfg(unix)]\npub fn routes() -> Routes {\n    Routes::new().group(Group::new(\"/\"))\n}\n\n#[cfg(not(unix))]\npub fn routes() -> Routes {\n    Routes::new()\n}\n",
            "more than one `fn routes`",
        ),
        (
            "pub fn routes() -> Routes {\n    #[cfg(unix)]\n    return Routes::new().group(Group::new(\"/\"));\n    #[cfg(not(unix))]\n    Routes::new().group(Group::new(\"/\").get(\"/\", home::index))\n}\n",
            "more than one `Group::new(\"/\")`",
        ),
        (
            "use nova::Group as G;\n\npub fn routes() -> Routes {\n    Routes::new().group(G::new(\"/\"))\n}\n",
            "has no `Group::new(\"/\")`",
        ),
        ("", "there is no `fn routes` in it"),
    ] {
        let sandbox = Sandbox::with_project();
        sandbox.write("myapp/src/routes.rs", table);
        let before = sandbox.tree();
        sandbox
            .app("gen controller posts")
            .failed(1, "error: no place for this in src/routes.rs")
            .failed(1, reason)
            .failed(1, "write this by hand");
        assert!(sandbox.tree() == before);
    }
}

/// What is generated has its places in `src`: where the library is elsewhere nothing is half right.
#[test]
fn a_library_outside_of_src_is_told_of() {
    for place in ["app/lib.rs", "lib.rs", "src/inside/lib.rs", "src/../app/lib.rs"] {
        let sandbox = Sandbox::with_project();
        let manifest = sandbox.read("myapp/Cargo.toml");
        sandbox.write("myapp/Cargo.toml", &format!("{manifest}\n[lib]\npath = \"{place}\"\n"));
        let before = sandbox.tree();
        let said = format!("modules go to src, and the library of myapp is {place}");
        for command in [
            "gen controller posts",
            "gen resource article --force",
            "gen security bearer --no-route --skip",
            "gen test signup --dry-run",
            "destroy controller home",
        ] {
            let run = sandbox.app(command);
            run.failed(1, &said).failed(1, "take `path` out of [lib] in Cargo.toml");
        }
        let doctor = sandbox.app("doctor");
        assert!(
            doctor
                .stdout
                .contains(&format!("warn  {place} is not in src, where gen")),
            "{}",
            doctor.stdout
        );
        assert!(sandbox.tree() == before);
    }
}
