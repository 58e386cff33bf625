//! A Postgres server, started for a test and ended with it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::Process;

/// Who it runs as where a test is run by root, whom it refuses.
const USER: &str = "postgres";

/// A server with one empty database, at a socket in a directory of its own.
#[derive(Debug)]
pub struct Postgres {
    process: Process,
    directory: TempDir,
}

/// Whether there is a server to be had. Where there is none, says so, unless `NOVA_TEST_POSTGRES=required`.
pub fn is_there() -> bool {
    if programs().is_some() {
        return true;
    }
    let required = std::env::var("NOVA_TEST_POSTGRES").is_ok_and(|value| value == "required");
    let reason = "there is no initdb of PostgreSQL in PATH or /usr/lib/postgresql";
    assert!(!required, "{reason}");
    eprintln!("skipped: {reason}");
    false
}

/// The directory of its programs: Debian has one for each version, and none of them in PATH.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .collect();
    versions.sort();
    let candidates = versions.into_iter().rev().chain(std::env::split_paths(&path));
    let mut whole = candidates.filter(|place| place.join("initdb").is_file() && place.join("postgres").is_file());
    whole.next()
}

impl Postgres {
    /// Makes a cluster and starts it.
    pub fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path();
        if is_root() {
            let owner = Command::new("chown").arg(USER).arg(place).status();
            assert!(owner.unwrap().success());
        }
        let data = place.join("data");
        let mut initdb = program("initdb");
        initdb.args([
            "--auth",
            "trust",
            "--username",
            USER,
            "--no-sync",
            "--encoding",
            "UTF8",
            "--locale",
            "C",
        ]);
        let made = initdb.arg("--pgdata").arg(&data).current_dir(place).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut postgres = program("postgres");
        // No port: only who reaches the directory reaches it.
        postgres.args(["-h", "", "-F", "-k"]).arg(place).arg("-D").arg(&data);
        let process = Process::start(postgres.current_dir(place).stdout(Stdio::null()));
        process.lines().await_note("ready to accept connections");
        Self { process, directory }
    }

    /// Where clients reach it.
    pub fn url(&self) -> String {
        let place = self.directory.path().display();
        format!("postgres://{USER}@localhost/postgres?host={place}")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // In order, so that it leaves no memory behind that is shared.
        self.process.signal("INT");
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.process.end()));
        if ended.is_err() {
            eprintln!("PostgreSQL did not end in time");
        }
    }
}

fn program(name: &str) -> Command {
    let program = programs().unwrap().join(name);
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid", USER, "--regid", USER, "--init-groups"])
        .arg(program);
    command
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    Path::new("/proc/self").metadata().is_ok_and(|own| own.uid() == 0)
}
