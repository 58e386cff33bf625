//! What a project's application says of itself, for the commands that build it, run it and ask.

use std::path::Path;
use std::process::{ExitCode, ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

use crate::error::{Error, Result};
use crate::project::Project;
use crate::serve::build::{self, Build, Outcome};
use crate::serve::group::Group;
use crate::serve::signals::{Signal, Signals};
use crate::{serve, settings, terminal};

/// How long the application may take to say what it is asked.
const DESCRIBED_WITHIN: Duration = Duration::from_secs(10);

/// What an application can be asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question {
    pub(crate) what: &'static str,
    /// What is said to one that has no answer.
    pub(crate) help: Option<&'static str>,
}

/// The table of routes.
pub(crate) const ROUTES: Question = Question {
    what: "routes",
    help: None,
};

/// What the application of a project says of itself, or the exit code where a signal came first.
pub(crate) fn ask(project: &Project, question: Question) -> Result<Result<String, ExitCode>> {
    let asked = serve::runtime()?.block_on(async {
        let mut signals = Signals::listen()?;
        let work = async {
            let executable = build(project).await?;
            describe(&executable.path, project, question).await
        };
        // The children are not in the terminal's group, so they don't see ctrl-c; dropping the work ends them.
        tokio::select! {
            described = work => described.map(Ok),
            signal = signals.next() => Ok(Err(interrupted(signal))),
        }
    });
    terminal::end_passing();
    asked
}

fn interrupted(signal: Signal) -> ExitCode {
    ExitCode::from(signal.exit_code())
}

/// Builds without a lasting word, as long as there is nothing to fix.
async fn build(project: &Project) -> Result<build::Executable> {
    let mut build = Build::start(build::Plan::of(project, false))?;
    let mut built = Err(Error::failed(format!(
        "{} was not built: cargo was killed",
        project.name
    )));
    loop {
        match build.next().await {
            build::Report::Text(text) => terminal::plain(text),
            build::Report::Progress(frame) => terminal::passing(&frame),
            build::Report::Step(_) | build::Report::Done(Outcome::Cancelled) => {}
            build::Report::Done(Outcome::Built(executable)) => built = Ok(executable),
            build::Report::Done(Outcome::Failed(failure)) => {
                built = Err(Error::failed(format!("{} was not built: {failure}", project.name)));
            }
            build::Report::Gone => return built,
        }
    }
}

/// Runs the program until it has said what it is asked.
async fn describe(program: &Path, project: &Project, question: Question) -> Result<String> {
    let name = &project.name;
    let mut child = Command::new(program)
        .current_dir(&project.root)
        .env("NOVA_DESCRIBE", question.what)
        // As cargo has them, where it runs a program.
        .env("CARGO_PKG_NAME", name)
        .envs(project.version.as_ref().map(|version| ("CARGO_PKG_VERSION", version)))
        .env("NOVA_ENV", settings::environment())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| Error::failed(format!("{name} can't be started: {error}")))?;
    let group = Group::led_by(&child);
    let mut output = Vec::new();
    let answer = async {
        if let Some(stdout) = &mut child.stdout {
            stdout.read_to_end(&mut output).await?;
        }
        child.wait().await
    };
    let ended = tokio::time::timeout(DESCRIBED_WITHIN, answer).await;
    drop(group);
    match ended {
        Ok(Ok(status)) if status.success() => Ok(String::from_utf8_lossy(&output).into_owned()),
        Ok(Ok(status)) => Err(no_answer(name, status, question.help)),
        Ok(Err(error)) => Err(Error::failed(format!("{name} can't be read: {error}"))),
        Err(_) => Err(Error::failed(format!(
            "{name} did not describe itself within {} s",
            DESCRIBED_WITHIN.as_secs()
        ))
        .detail("it was killed; does its main function run nova::App?")),
    }
}

fn no_answer(name: &str, status: ExitStatus, help: Option<&str>) -> Error {
    let error = Error::failed(format!("{name} did not describe itself: it ended with {status}"));
    match help {
        Some(help) => error.help(help),
        None => error,
    }
}
