//! `nova routes`: builds the application, asks it for its route table, prints that.

use std::path::Path;
use std::process::{ExitCode, ExitStatus, Stdio};
use std::time::Duration;

use serde::Deserialize;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

use crate::error::{Error, Result};
use crate::project::Project;
use crate::serve::build::{self, Build, Outcome};
use crate::serve::group::Group;
use crate::serve::signals::{Signal, Signals};
use crate::{args, serve, settings, terminal};

/// How long the application may take to print its routes.
const DESCRIBED_WITHIN: Duration = Duration::from_secs(10);

/// Runs the command.
pub(crate) fn run(args: &args::Routes) -> Result<ExitCode> {
    let here = std::env::current_dir().map_err(|error| Error::failed(format!("no current directory: {error}")))?;
    let project = Project::find(&here)?;
    serve::runtime()?.block_on(async {
        let mut signals = Signals::listen()?;
        let work = async {
            let executable = build(&project).await?;
            describe(&executable.path, &project).await
        };
        // The children are not in the terminal's group, so they don't see ctrl-c; dropping the work ends them.
        let described = tokio::select! {
            described = work => described?,
            signal = signals.next() => return Ok(interrupted(signal)),
        };
        print(&described, &project.name, args.json);
        Ok(ExitCode::SUCCESS)
    })
}

fn interrupted(signal: Signal) -> ExitCode {
    ExitCode::from(signal.exit_code())
}

/// Builds without a word, as long as there is nothing to fix.
async fn build(project: &Project) -> Result<build::Executable> {
    let mut build = Build::start(build::Plan::of(project, false))?;
    let mut built = Err(Error::failed(format!(
        "{} was not built: cargo was killed",
        project.name
    )));
    loop {
        match build.next().await {
            build::Report::Text(text) => terminal::plain(text),
            build::Report::Step(_) | build::Report::Done(Outcome::Cancelled) => {}
            build::Report::Done(Outcome::Built(executable)) => built = Ok(executable),
            build::Report::Done(Outcome::Failed(failure)) => {
                built = Err(Error::failed(format!("{} was not built: {failure}", project.name)));
            }
            build::Report::Gone => return built,
        }
    }
}

/// Runs the program until it has said what its routes are.
async fn describe(program: &Path, project: &Project) -> Result<String> {
    let name = &project.name;
    let mut child = Command::new(program)
        .current_dir(&project.root)
        .env("NOVA_DESCRIBE", "routes")
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
        Ok(Ok(status)) => Err(no_answer(name, status)),
        Ok(Err(error)) => Err(Error::failed(format!("{name} can't be read: {error}"))),
        Err(_) => Err(Error::failed(format!(
            "{name} did not print its routes within {} s",
            DESCRIBED_WITHIN.as_secs()
        ))
        .detail("it was killed; does its main function run nova::App?")),
    }
}

fn no_answer(name: &str, status: ExitStatus) -> Error {
    Error::failed(format!("{name} did not print its routes: it ended with {status}"))
}

/// A route, as the application describes it. What it doesn't say is left open; what is not known here is passed over.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Route {
    kind: String,
    methods: Vec<String>,
    host: Option<String>,
    path: String,
    handler: Option<String>,
    security: Option<String>,
    file: Option<String>,
    line: Option<u32>,
}

fn print(described: &str, name: &str, json: bool) {
    let lines: Vec<(&str, Route)> = described
        .lines()
        .filter_map(|line| Some((line, route(line)?)))
        .collect();
    if lines.is_empty() {
        terminal::warning("Warning", format_args!("{name} printed no routes"));
    } else if json {
        for (line, _) in &lines {
            terminal::answer(line);
        }
    } else {
        let routes: Vec<Route> = lines.into_iter().map(|(_, route)| route).collect();
        for line in table(&routes) {
            terminal::answer(line);
        }
    }
}

/// The route on a line, unless the line is something else that the application prints.
fn route(line: &str) -> Option<Route> {
    let value: serde_json::Value = serde_json::from_str(line).ok()?;
    value.is_object().then(|| serde_json::from_value(value).ok())?
}

const TITLES: [&str; 5] = ["METHOD", "PATH", "HANDLER", "SECURITY", "PLACE"];

/// The lines of the table, titles first.
fn table(routes: &[Route]) -> Vec<String> {
    let rows: Vec<[String; 5]> = std::iter::once(TITLES.map(str::to_owned))
        .chain(routes.iter().map(row))
        .collect();
    let mut widths = [0; TITLES.len()];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    rows.iter().map(|row| aligned(row, &widths)).collect()
}

fn aligned(row: &[String], widths: &[usize]) -> String {
    let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
    cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
}

fn row(route: &Route) -> [String; 5] {
    let method = match route.kind.as_str() {
        "websocket" => "WS".to_owned(),
        "status" => String::new(),
        _ => route.methods.join(","),
    };
    let path = match &route.host {
        Some(host) => format!("{host}{}", route.path),
        None => route.path.clone(),
    };
    let place = match (&route.file, route.line) {
        (Some(file), Some(line)) => format!("{file}:{line}"),
        (Some(file), None) => file.clone(),
        (None, _) => String::new(),
    };
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    [method, path, or_dash(&route.handler), or_dash(&route.security), place]
}

#[cfg(test)]
mod tests {
    use super::*;

    const DESCRIBED: &str = r#"
{"kind":"http","methods":["GET","HEAD"],"host":null,"path":"/users/{id}","handler":"controllers::users::show","security":"security::bearer","file":"src/routes.rs","line":12}
{"kind":"websocket","methods":["GET"],"host":"chat.example","path":"/chat","handler":"ws::chat::init","security":null,"file":"src/routes.rs","line":3,"new":[1]}
{"kind":"assets","methods":["GET"],"host":null,"path":"/assets","handler":"assets","security":null,"file":"src/routes.rs","line":4}
{"kind":"status","methods":[],"host":null,"path":"404","handler":null,"security":null,"file":"src/routes.rs","line":5}
"#;

    #[test]
    fn the_table_is_aligned() {
        let routes: Vec<Route> = DESCRIBED.lines().filter_map(route).collect();
        assert_eq!(
            table(&routes),
            [
                "METHOD    PATH               HANDLER                   SECURITY          PLACE",
                "GET,HEAD  /users/{id}        controllers::users::show  security::bearer  src/routes.rs:12",
                "WS        chat.example/chat  ws::chat::init            -                 src/routes.rs:3",
                "GET       /assets            assets                    -                 src/routes.rs:4",
                "          404                -                         -                 src/routes.rs:5",
            ]
        );
    }

    #[test]
    fn what_else_is_printed_is_no_route() {
        for line in ["starting up", "[1]", "12", "", "{\"path\":1}"] {
            assert!(route(line).is_none(), "{line}");
        }
    }
}
