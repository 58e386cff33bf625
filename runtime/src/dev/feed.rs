//! What the supervisor says on the line, and what it is told: see `docs/protocol.md`.

use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::events::Of;
use super::{Shared, ansi};
use crate::view::ViewError;

/// The longest text of a failure that pages are shown.
const MAX_TEXT: usize = 256 * 1024;

/// Takes the supervisor's lines, and gives those for it. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Feed {
    shared: Arc<Shared>,
    report: Arc<OnceLock<Report>>,
}

type Report = Box<dyn Fn(Value) + Send + Sync>;

/// A line from the supervisor. What is not here is another's, or of another version.
#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Line {
    Building {
        build: u64,
    },
    Built {
        build: u64,
        #[serde(default)]
        seconds: f64,
    },
    Failed(Failed),
    Changed {
        files: Vec<String>,
    },
    History {
        builds: Vec<Value>,
    },
    #[serde(other)]
    Unknown,
}

#[derive(Deserialize)]
struct Failed {
    #[serde(default)]
    build: Option<u64>,
    #[serde(default)]
    stage: String,
    #[serde(default)]
    summary: String,
    #[serde(default)]
    text: String,
    #[serde(default)]
    diagnostics: Vec<Diagnostic>,
}

#[derive(Deserialize)]
struct Diagnostic {
    #[serde(default)]
    level: String,
    #[serde(default)]
    message: String,
    file: Option<String>,
    line: Option<u64>,
    column: Option<u64>,
}

/// A failure as pages are shown it.
#[derive(Serialize)]
struct Failure<'a> {
    stage: &'a str,
    build: Option<u64>,
    summary: &'a str,
    errors: usize,
    places: Vec<Place<'a>>,
    html: String,
}

#[derive(Serialize)]
struct Place<'a> {
    level: &'a str,
    message: &'a str,
    /// As `src/main.rs:1:2`.
    #[serde(rename = "place")]
    at: String,
    href: Option<String>,
}

/// How changed views were read the last time, as the supervisor is told.
pub(super) type ViewsRead = Mutex<Value>;

impl Feed {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            report: Arc::default(),
        }
    }

    /// Takes a line: JSON that is none of `give` and `take`. What it does not know it ignores. It does not wait.
    pub(crate) fn tell(&self, line: &str) {
        let events = &self.shared.events;
        match serde_json::from_str(line) {
            Ok(Line::Building { build }) => events.building(build),
            Ok(Line::Built { build, seconds }) => events.built(build, seconds),
            Ok(Line::Failed(failed)) => self.shared.failed(&failed),
            Ok(Line::Changed { files }) => self.changed(files),
            Ok(Line::History { builds }) => events.set_history(builds),
            Ok(Line::Unknown) => {}
            Err(error) => tracing::debug!("a line from the supervisor is not understood: {error}"),
        }
    }

    /// Names who takes lines for the supervisor. The first is the only one.
    pub(crate) fn report_to(&self, report: impl Fn(Value) + Send + Sync + 'static) {
        let _ = self.report.set(Box::new(report));
    }

    fn changed(&self, files: Vec<String>) {
        let feed = self.clone();
        let work = move || feed.changed_now(&files);
        // Views are read from files, which takes a thread that may wait; it is over when they are.
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(work)),
            Err(_) => work(),
        }
    }

    fn changed_now(&self, files: &[String]) {
        let shared = &self.shared;
        let Some(application) = shared.application.get() else {
            return;
        };
        let directory = application.views.directory();
        let directory = std::path::absolute(directory).unwrap_or_else(|_| directory.to_path_buf());
        let is_view = |file: &String| shared.root.join(file).starts_with(&directory);
        if files.iter().any(is_view) {
            application.views.reload();
            let outcome = shared.views_read.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let is_good = outcome["error"].is_null();
            if let Some(report) = self.report.get() {
                report(outcome);
            }
            if !is_good {
                return;
            }
        }
        let (sheets, others): (Vec<_>, Vec<_>) = files.iter().partition(|file| is_sheet(file));
        let mut css = Vec::new();
        let mut reload = !others.is_empty();
        for sheet in sheets {
            match shared.url_of(sheet) {
                Some(url) => css.push(url),
                // It may be what another is made from.
                None => reload = true,
            }
        }
        shared.events.changed(&css, reload);
    }
}

fn is_sheet(file: &str) -> bool {
    Path::new(file)
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("css"))
}

impl Shared {
    fn failed(&self, failed: &Failed) {
        let mut places = Vec::new();
        for diagnostic in &failed.diagnostics {
            let place = diagnostic.file.as_ref().map(|file| {
                let (line, column) = (diagnostic.line.unwrap_or(1), diagnostic.column.unwrap_or(1));
                (format!("{file}:{line}:{column}"), self.editor.link(file, line, column))
            });
            let (place, href) = place.unwrap_or_default();
            places.push(Place {
                level: &diagnostic.level,
                message: &diagnostic.message,
                at: place,
                href,
            });
        }
        let text = &failed.text[..failed.text.floor_char_boundary(MAX_TEXT)];
        let html = ansi::to_html(text, |word| {
            let place = places.iter().find(|place| !word.is_empty() && place.at == word)?;
            place.href.clone()
        });
        let failure = Failure {
            stage: &failed.stage,
            build: failed.build,
            summary: &failed.summary,
            errors: places.iter().filter(|place| place.level == "error").count(),
            places,
            html,
        };
        let of = match &*failed.stage {
            "views" => Of::Views,
            _ => Of::Program,
        };
        self.events.failed(of, failed.build, &failure, &failed.summary);
    }

    /// Changed views were read, or could not be.
    pub(super) fn views_read(&self, error: Option<&ViewError>) {
        let told = match error {
            None => {
                self.events.views_are_good();
                json!({ "event": "views", "error": null, "file": null, "line": null, "column": null })
            }
            Some(error) => self.views_failed(error),
        };
        *self.views_read.lock().unwrap_or_else(PoisonError::into_inner) = told;
    }

    fn views_failed(&self, error: &ViewError) -> Value {
        let message = error.reason();
        let place = error.place().map(|(path, line, column)| {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
            let file = path.strip_prefix(&self.root).unwrap_or(&path);
            (file.display().to_string(), line as u64, column as u64)
        });
        let (file, line, column) = match place {
            Some((file, line, column)) => (Some(file), Some(line), Some(column)),
            None => (None, None, None),
        };
        let told = json!({ "event": "views", "error": message, "file": file, "line": line, "column": column });
        self.failed(&Failed {
            build: None,
            stage: "views".to_owned(),
            summary: "a view can't be used: the one before it is".to_owned(),
            text: error.to_string(),
            diagnostics: vec![Diagnostic {
                level: "error".to_owned(),
                message,
                file,
                line,
                column,
            }],
        });
        told
    }

    /// Where a file of the project is served as an asset.
    fn url_of(&self, file: &str) -> Option<String> {
        let routes = &self.application.get()?.routes;
        let file = self.root.join(file);
        routes
            .iter()
            .filter(|route| route["kind"] == "assets")
            .find_map(|route| {
                let (path, directory) = (route["path"].as_str()?, route["handler"].as_str()?);
                let rest = file.strip_prefix(self.root.join(directory)).ok()?;
                let rest: Vec<_> = rest.iter().map(|part| part.to_string_lossy()).collect();
                Some(match rest.is_empty() {
                    true => path.to_owned(),
                    false => format!("{}/{}", path.trim_end_matches('/'), rest.join("/")),
                })
            })
    }
}
