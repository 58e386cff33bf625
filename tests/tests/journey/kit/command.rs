//! The `nova` binary, built once, and what a run of a program comes to.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

/// Where the command and what is built for the tests lie.
struct Built {
    nova: PathBuf,
    target: PathBuf,
}

fn built() -> &'static Built {
    static BUILT: OnceLock<Built> = OnceLock::new();
    BUILT.get_or_init(|| {
        // What applications need and this workspace does not build is not there yet on a new machine.
        let mut fetch = Command::new(cargo());
        let fetched = fetch
            .args(["fetch", "--locked"])
            .current_dir(workspace())
            .status()
            .unwrap();
        assert!(fetched.success(), "what applications need was not downloaded");
        let mut cargo = Command::new(cargo());
        cargo.args(["build", "--locked", "--package", "nova-framework-cli", "--bin", "nova"]);
        cargo.args(["--message-format", "json-render-diagnostics"]);
        let output = cargo
            .current_dir(workspace())
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        assert!(output.status.success(), "the command was not built");
        let messages = String::from_utf8(output.stdout).unwrap();
        let mut messages = messages
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let nova: PathBuf = messages
            .find_map(|message| message["executable"].as_str().map(PathBuf::from))
            .expect("cargo names the program");
        // <target>/<profile>/nova
        let target = nova.ancestors().nth(2).unwrap().join("generated");
        Built { nova, target }
    })
}

/// The root of the repository.
pub(crate) fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Where generated projects are built. They share it, so that their dependencies are compiled once; therefore no two
/// projects may have one name.
pub(crate) fn target() -> &'static Path {
    &built().target
}

/// The command, in this directory.
pub(crate) fn nova(directory: &Path) -> Command {
    let mut command = Command::new(&built().nova);
    prepare(&mut command, directory);
    command
}

/// Cargo, in this directory.
pub(crate) fn cargo_in(directory: &Path) -> Command {
    let mut command = Command::new(cargo());
    prepare(&mut command, directory);
    command
}

fn cargo() -> std::ffi::OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Leaves of the environment what a newcomer's has: nothing of the cargo that runs the tests, no settings for an
/// application, none for colour. Nothing may be downloaded: all that a project needs was needed by the workspace.
pub(crate) fn prepare(command: &mut Command, directory: &Path) {
    let meant_for_others = |name: &str| {
        let prefixes = ["NOVA_", "LISTEN_", "CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"];
        let names = [
            "NOTIFY_SOCKET",
            "CARGO_TERM_COLOR",
            "CARGO_ENCODED_RUSTFLAGS",
            "CLICOLOR_FORCE",
            "NO_COLOR",
            "RUSTFLAGS",
        ];
        prefixes.iter().any(|prefix| name.starts_with(prefix)) || names.contains(&name)
    };
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(meant_for_others) {
            command.env_remove(name);
        }
    }
    command
        .current_dir(directory)
        .env("CARGO_TARGET_DIR", target())
        .env("CARGO_NET_OFFLINE", "true")
        .stdin(Stdio::null());
}

/// What a run of a program came to.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    pub(crate) fn of(command: &mut Command) -> Self {
        let Output { status, stdout, stderr } = command.output().unwrap();
        Self {
            code: status.code(),
            stdout: String::from_utf8(stdout).unwrap(),
            stderr: String::from_utf8(stderr).unwrap(),
        }
    }

    /// A run of the command with these arguments.
    pub(crate) fn nova<I: IntoIterator<Item: AsRef<OsStr>>>(directory: &Path, args: I) -> Self {
        Self::of(nova(directory).args(args))
    }

    #[track_caller]
    pub(crate) fn succeeded(self) -> Self {
        assert_eq!(self.code, Some(0), "{}{}", self.stdout, self.stderr);
        self
    }

    /// It ended with this exit code, and said this on standard error and nothing on standard output.
    #[track_caller]
    pub(crate) fn failed(self, code: i32, message: &str) -> Self {
        assert_eq!(self.code, Some(code), "{}{}", self.stdout, self.stderr);
        assert!(self.stderr.contains(message), "{message:?} is not in:\n{}", self.stderr);
        assert_eq!(self.stdout, "", "an error belongs on standard error");
        self
    }
}
