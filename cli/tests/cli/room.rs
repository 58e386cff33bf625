//! A disk that is full, and trees that can't be written to: nothing is changed, and the same command works once it can.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use super::{Run, Sandbox, exists};

const NOVA: &str = env!("CARGO_BIN_EXE_nova");

/// What writes much and what writes little, in this order.
const COMMANDS: &[&str] = &[
    "new other --no-git",
    "gen controller posts index show",
    "gen resource article title --views",
    "destroy resource article",
    "eject ws-handler",
    "man man1",
    "init --no-git",
];

/// Runs a command where no file can be longer than so many blocks, and to be told so is no signal's affair.
fn with_files_of(sandbox: &Sandbox, blocks: u32, args: &str) -> Run {
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec {NOVA} {args}");
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]).current_dir(sandbox.path("myapp"));
    Run::of(&shell.output().unwrap())
}

#[test]
fn what_does_not_fit_is_not_begun() {
    let sandbox = Sandbox::with_project();
    for command in COMMANDS {
        let before = sandbox.tree();
        let mut refused = 0;
        for blocks in 0..4 {
            let run = with_files_of(&sandbox, blocks, command);
            if run.code == Some(0) {
                break;
            }
            run.failed(1, "error: can't write to ")
                .failed(1, "File too large")
                .failed(1, "nothing was written");
            assert!(sandbox.tree() == before, "{command}, {blocks}");
            refused += 1;
        }
        // What init would add is there.
        assert!(refused > 0 || command.starts_with("init"), "{command}");
        sandbox.app(command).succeeded();
        assert!(sandbox.tree() != before || command.starts_with("init"), "{command}");
    }
}

/// Runs a script as root of a namespace of its own; `None` where that may not be.
fn in_a_namespace(script: &str, arguments: &[&OsStr]) -> Option<String> {
    let mut command = Command::new("unshare");
    command.args(["-rm", "sh", "-c", script, "sh"]).args(arguments);
    let output = command.output().ok()?;
    let text = String::from_utf8(output.stdout).unwrap();
    text.starts_with("mounted\n").then_some(text)
}

/// The same on a small disk of its own, with so little room left that it runs out at one point after the other.
#[test]
fn a_disk_that_runs_full_has_nothing_changed_on_it() {
    const SCRIPT: &str = r#"
        mount -t tmpfs -o size=1m none "$2" || exit 0
        echo mounted
        cp -r "$3" "$2/myapp" && cd "$2/myapp" || exit 1
        sums() { find . -exec sh -c 'for it; do [ -d "$it" ] && echo "$it" || cksum "$it"; done' sh {} + | sort | cksum; }
        before=$(sums)
        dd if=/dev/zero of=../ballast bs=1024 count=1024 2>/dev/null
        for kilobytes in 0 4 8 12 16 20 24 28 32 36 40 44 48 64 80; do
            rm ../ballast
            full=$(df -k --output=avail .. | tail -1)
            dd if=/dev/zero of=../ballast bs=1024 count=$((full - kilobytes)) 2>/dev/null
            said=$("$1" gen resource article title --views 2>&1)
            code=$?
            [ "$before" = "$(sums)" ] && tree=same || tree=changed
            [ -e .nova.journal ] && tree=begun
            echo "$kilobytes $code $tree $(echo "$said" | grep -c 'nothing was written')"
            [ $code = 0 ] && break
        done
        rm ../ballast
        "$1" gen resource article title --views 2>/dev/null
        echo "at last $?"
    "#;
    let sandbox = Sandbox::with_project();
    let disk = sandbox.path("disk");
    fs::create_dir(&disk).unwrap();
    let project = sandbox.path("myapp");
    let Some(said) = in_a_namespace(SCRIPT, &[NOVA.as_ref(), disk.as_ref(), project.as_ref()]) else {
        eprintln!("no disk of its own can be mounted here: not tried");
        return;
    };
    let mut lines: Vec<&str> = said.lines().skip(1).collect();
    assert_eq!(lines.pop(), Some("at last 0"), "{said}");
    let done = lines.pop().unwrap_or_default();
    assert!(done.ends_with(" 0 changed 0"), "{said}");
    assert!(lines.len() > 3, "{said}");
    for line in lines {
        assert!(line.ends_with(" 1 same 1"), "{said}");
    }
}

/// Makes directories, or everything, read-only, or writable again.
fn permit(path: &Path, writable: bool) {
    for entry in fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            permit(&path, writable);
        } else {
            fs::set_permissions(&path, fs::Permissions::from_mode(if writable { 0o644 } else { 0o444 })).unwrap();
        }
    }
    fs::set_permissions(path, fs::Permissions::from_mode(if writable { 0o755 } else { 0o555 })).unwrap();
}

/// Runs a command as somebody who may not write to what others may not: not as root, whom nothing stops. `None` where that
/// can't be.
fn as_a_user(sandbox: &Sandbox, directory: &str, args: &str) -> Option<Run> {
    let is_root = fs::metadata("/proc/self").is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0);
    let mut command = Command::new(if is_root { "setpriv" } else { NOVA });
    if is_root {
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--", NOVA]);
    }
    command.args(args.split(' ')).current_dir(sandbox.path(directory));
    let output = command.output().ok()?;
    // Nobody may look into the directory in which the command was built.
    let found = is_root.then(|| String::from_utf8_lossy(&output.stderr).contains("failed to execute"));
    (found != Some(true)).then(|| Run::of(&output))
}

#[test]
fn a_tree_that_can_not_be_written_to_stays_as_it_is() {
    let sandbox = Sandbox::with_project();
    sandbox.app("gen controller posts").succeeded();
    fs::set_permissions(sandbox.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    permit(&sandbox.path("myapp"), false);
    let before = sandbox.tree();
    for args in [
        "gen controller news",
        "gen controller posts --force index show",
        "destroy controller posts",
        "eject controller",
        "man man1",
        "new below --no-git",
    ] {
        let Some(run) = as_a_user(&sandbox, "myapp", args) else {
            assert!(std::env::var_os("CI").is_none(), "nobody can run the command");
            eprintln!("nobody else can run the command here: not tried");
            return;
        };
        run.failed(1, "error: can't write to ")
            .failed(1, "Permission denied")
            .failed(1, "nothing was written");
        assert!(sandbox.tree() == before, "{args}");
    }
    // Nor is a directory that nobody may look into one in which a command was killed.
    let closed = sandbox.path("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
    let run = as_a_user(&sandbox, "myapp", "man ../closed/man1").unwrap();
    let run = run.failed(1, "Permission denied").failed(1, "nothing was written");
    assert!(!run.stderr.contains("killed"), "{}", run.stderr);
    fs::remove_dir(&closed).unwrap();
    // To look is not to write.
    for args in ["gen controller news --dry-run", "gen controller posts"] {
        as_a_user(&sandbox, "myapp", args).unwrap().succeeded();
    }
    // Where only some of it can't be written to, what was begun is taken back.
    permit(&sandbox.path("myapp"), true);
    let everybody = |path: &str, mode| {
        fs::set_permissions(sandbox.path(path), fs::Permissions::from_mode(mode)).unwrap();
    };
    let open = ["myapp", "myapp/src", "myapp/src/controllers", "myapp/views"];
    for path in open {
        everybody(path, 0o777);
    }
    for closed in open.iter().skip(1) {
        everybody(closed, 0o555);
        let run = as_a_user(&sandbox, "myapp", "gen controller news").unwrap();
        run.failed(1, "error: can't write ")
            .failed(1, "Permission denied")
            .failed(1, "nothing was written");
        assert!(sandbox.tree() == before, "{closed}");
        assert!(!exists(&sandbox.path("myapp/.nova.journal")));
        everybody(closed, 0o777);
    }
    as_a_user(&sandbox, "myapp", "gen controller news").unwrap().succeeded();
    assert!(exists(&sandbox.path("myapp/src/controllers/news.rs")));
}
