//! The application in `src/bin/service.rs`, as a process.

use std::path::Path;
use std::process::Command;

use nova_tests::Process;

/// The application in `src/bin/service.rs`, on a free port, in a directory without a `nova.toml`.
pub(crate) fn service(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_service"));
    command
        .current_dir(directory)
        .env("NOVA_ENV", "prod")
        .env("NOVA_SERVER_PORT", "0");
    command
}

/// Starts it, and gives the directory that it runs in.
pub(crate) fn start() -> (Process, tempfile::TempDir) {
    start_with(&[])
}

/// Starts it with these variables.
pub(crate) fn start_with(variables: &[(&str, &str)]) -> (Process, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let process = Process::start(service(directory.path()).envs(variables.iter().copied()));
    (process, directory)
}
