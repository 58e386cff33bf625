//! `nova doctor`: whether everything is there that the other commands need. It builds nothing and asks no network.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anstyle::{AnsiColor, Style};
use serde_json::json;

use crate::edit::{Edit, Import, Module, Piece, Route, Setup};
use crate::generate::kind::{DIRECTORY, Kind};
use crate::plan;
use crate::project::Project;
use crate::settings::{Partial, Settings};
use crate::upgrade::{self, Requirement};
use crate::{args, disk, terminal};

/// Fewer watches than this are used up by a large tree.
const FEW_WATCHES: u64 = 8192;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Ok,
    Warn,
    Fail,
}

/// What was looked at, and what was found.
#[derive(Debug)]
struct Finding {
    check: &'static str,
    verdict: Verdict,
    message: String,
    /// What to do about it.
    help: Option<String>,
}

impl Finding {
    fn new(check: &'static str, verdict: Verdict, message: impl Into<String>) -> Self {
        Self {
            check,
            verdict,
            message: message.into(),
            help: None,
        }
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }

    fn style(self) -> Style {
        match self {
            Self::Ok => AnsiColor::Green.on_default(),
            Self::Warn => AnsiColor::Yellow.on_default().bold(),
            Self::Fail => AnsiColor::Red.on_default().bold(),
        }
    }
}

/// Runs the command.
pub(crate) fn run(args: &args::Doctor) -> ExitCode {
    let mut findings = vec![cargo()];
    match Project::here() {
        Ok(project) => findings.extend(project_findings(&project)),
        Err(error) => findings.push(Finding {
            help: error.help_text().map(str::to_owned),
            ..Finding::new("project", Verdict::Fail, error.message())
        }),
    }
    findings.extend(watches());
    for finding in &findings {
        print(finding, args.json);
    }
    let failed = findings.iter().any(|finding| finding.verdict == Verdict::Fail);
    ExitCode::from(u8::from(failed))
}

fn print(finding: &Finding, as_json: bool) {
    let Finding {
        check,
        verdict,
        message,
        help,
    } = finding;
    if as_json {
        let line = json!({ "check": check, "verdict": verdict.word(), "message": message, "help": help });
        return terminal::answer(line);
    }
    let style = verdict.style();
    terminal::answer(format!("{style}{:<4}{style:#}  {message}", verdict.word()));
    for line in help.iter().flat_map(|help| help.lines()) {
        terminal::answer(terminal::dim(&format!("      {line}")));
    }
}

fn project_findings(project: &Project) -> Vec<Finding> {
    let mut findings = vec![Finding::new(
        "project",
        Verdict::Ok,
        format!("{} in {}", project.name, project.root.display()),
    )];
    findings.push(versions(project));
    findings.extend(renamed(project));
    findings.extend(edits(project));
    findings.extend(templates(&project.root));
    findings.push(port(&project.root));
    if plan::is_interrupted(&project.root) {
        findings.push(
            Finding::new(
                "journal",
                Verdict::Warn,
                "a nova command was killed here before it was done",
            )
            .help("the next one that writes takes back what it had begun"),
        );
    }
    findings
}

/// The version of cargo, and the one that is needed.
fn cargo() -> Finding {
    let needed = env!("CARGO_PKG_RUST_VERSION");
    let output = Command::new("cargo").arg("--version").stdin(Stdio::null()).output();
    let Ok(output) = output else {
        return Finding::new("cargo", Verdict::Fail, "cargo is not in the path").help("install Rust with rustup");
    };
    if !output.status.success() {
        // As rustup's, where no toolchain has been chosen.
        let text = String::from_utf8_lossy(&output.stderr);
        let reason = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
        return Finding::new("cargo", Verdict::Fail, format!("cargo does not run: {reason}"))
            .help("rustup default stable");
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text.split_whitespace().nth(1).unwrap_or_default();
    let number = |text: &str| -> Vec<u64> { text.split(['.', '-']).map_while(|part| part.parse().ok()).collect() };
    let message = format!("cargo {version} (needs {needed})");
    if number(version) >= number(needed) {
        Finding::new("cargo", Verdict::Ok, message)
    } else {
        Finding::new("cargo", Verdict::Fail, message).help("rustup update stable")
    }
}

/// That the project's runtime and this command go together.
fn versions(project: &Project) -> Finding {
    let own = env!("CARGO_PKG_VERSION");
    match upgrade::requirement(&project.root) {
        Some(Requirement::Version { version, .. }) if upgrade::fits(&version, own) => {
            Finding::new("versions", Verdict::Ok, format!("nova {own}, runtime {version}"))
        }
        Some(Requirement::Version { version, .. }) => {
            Finding::new("versions", Verdict::Warn, format!("nova {own}, runtime {version}"))
                .help("nova upgrade, or install the command of that version")
        }
        Some(Requirement::Elsewhere(place)) => {
            Finding::new("versions", Verdict::Ok, format!("nova {own}, runtime from {place}"))
        }
        None => Finding::new(
            "versions",
            Verdict::Warn,
            "the manifest does not say which runtime it wants",
        ),
    }
}

/// That code which says `nova::` is that of the runtime.
fn renamed(project: &Project) -> Option<Finding> {
    let name = project.renamed.as_ref()?;
    let root = project.crate_root();
    let alias = format!("extern crate {name} as nova;");
    let text = disk::text(&project.root.join(&root)).unwrap_or_default();
    let message = format!("the runtime is called `{name}` here, and `nova` in what gen writes");
    (!text.contains(&alias))
        .then(|| Finding::new("name", Verdict::Warn, message).help(format!("in {}: {alias}", root.display())))
}

/// Whether `nova gen` finds its places, and where.
fn edits(project: &Project) -> Vec<Finding> {
    if let Some(library) = project.library_elsewhere() {
        let message = format!(
            "{} is not in src, where gen and destroy look for modules",
            library.display()
        );
        let help = "move its files there, and take `path` out of [lib] in Cargo.toml";
        return vec![Finding::new("edits", Verdict::Warn, message).help(help)];
    }
    let name = "nova_doctor_looks";
    let holder = Import {
        modules: vec!["controllers".to_owned()],
        name: name.to_owned(),
    };
    let route = Route {
        verb: "get",
        path: format!("/{name}"),
        holder,
        function: "index".to_owned(),
    };
    let setup = Setup {
        method: "reply_handler".to_owned(),
        arguments: vec![format!("\"{name}\""), format!("{name}::respond")],
    };
    let module = Module { name: name.to_owned() };
    [
        (
            project.routes(),
            Piece::Route(route),
            "has one table that gen adds routes to",
        ),
        (project.crate_root(), Piece::Module(module), "can have modules added"),
        (
            project.application(),
            Piece::Setup(setup),
            "makes one application that gen adds to",
        ),
    ]
    .into_iter()
    .map(|(path, piece, good)| {
        let shown = path.display();
        let Ok(text) = disk::text(&project.root.join(&path)) else {
            return Finding::new("edits", Verdict::Warn, format!("{shown} can't be read"))
                .help("gen prints what it would have written there");
        };
        match piece.insert(&text) {
            Ok(Edit::Changed(_) | Edit::Unchanged) => Finding::new("edits", Verdict::Ok, format!("{shown} {good}")),
            Ok(Edit::NoPlace { reason, .. }) => Finding::new("edits", Verdict::Warn, format!("{shown}: {reason}"))
                .help("gen prints what to write there by hand"),
            Err(error) => Finding::new(
                "edits",
                Verdict::Fail,
                format!("{shown}:{}:{}: {}", error.line, error.column, error.message),
            ),
        }
    })
    .collect()
}

/// The project's own templates: one finding where all is well, and otherwise one for each that is broken.
fn templates(root: &Path) -> Vec<Finding> {
    if !root.join(DIRECTORY).is_dir() {
        return Vec::new();
    }
    let (mut own, mut findings) = (0, Vec::new());
    for kind in Kind::each(root) {
        match kind.and_then(|kind| kind.check().map(|()| kind)) {
            Ok(kind) => own += usize::from(kind.folder.is_some()),
            Err(error) => findings.push(Finding::new("templates", Verdict::Fail, error.message())),
        }
    }
    if findings.is_empty() {
        let kinds = if own == 1 {
            "one kind".to_owned()
        } else {
            format!("{own} kinds")
        };
        findings.push(Finding::new(
            "templates",
            Verdict::Ok,
            format!("{DIRECTORY} has {kinds}"),
        ));
    }
    findings
}

/// Whether the port is free.
fn port(root: &Path) -> Finding {
    let settings = match Settings::resolve(Partial::default(), root) {
        Ok(settings) => settings,
        Err(error) => return Finding::new("port", Verdict::Fail, error.message()),
    };
    let (host, port) = (settings.host.as_str(), settings.port);
    match TcpListener::bind((host, port)) {
        Ok(_) => Finding::new("port", Verdict::Ok, format!("port {port} is free")),
        Err(error) => Finding::new(
            "port",
            Verdict::Warn,
            format!("{host}:{port} can't be listened on: {error}"),
        )
        .help(format!("nova serve --port {}", port.checked_add(1).unwrap_or(8080))),
    }
}

/// How much the system lets one user watch.
fn watches() -> Option<Finding> {
    let text = std::fs::read_to_string("/proc/sys/fs/inotify/max_user_watches").ok()?;
    let limit: u64 = text.trim().parse().ok()?;
    Some(if limit < FEW_WATCHES {
        Finding::new(
            "watches",
            Verdict::Warn,
            format!("only {limit} directories can be watched"),
        )
        .help("nova serve --poll looks by itself; the limit is fs.inotify.max_user_watches")
    } else {
        Finding::new("watches", Verdict::Ok, format!("{limit} directories can be watched"))
    })
}
