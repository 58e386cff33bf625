//! Views: Handlebars templates, found by name, inside a layout.

mod uses;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::SystemTime;

use handlebars::{Context, Handlebars, Helper, HelperResult, Output, RenderContext, RenderErrorReason};
use serde::Deserialize;
use serde_json::Value;

pub(crate) use self::uses::Uses;
use self::uses::{CSRF_TOKEN, FLASHES};

/// The ending of a template's file name.
const EXTENSION: &str = "hbs";
/// The view that other views are put into.
const LAYOUT: &str = "layout";
/// The variable by which the layout has the view.
const CONTENT: &str = "content";

/// The section `[views]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ViewOptions {
    /// The directory, below the project's.
    dir: PathBuf,
}

impl ViewOptions {
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }
}

impl Default for ViewOptions {
    fn default() -> Self {
        Self { dir: "views".into() }
    }
}

/// Is told when changed templates have been read, or why the old ones are kept.
pub(crate) type Watcher = Arc<dyn Fn(Option<&ViewError>) + Send + Sync>;

/// The templates of one directory, by their paths without the ending: `views/posts/show.hbs` is `posts/show`.
///
/// Each is also a partial of that name. `layout.hbs` at the top, where it exists, goes around every view.
#[derive(Clone)]
pub(crate) struct Views(Arc<Inner>);

struct Inner {
    directory: PathBuf,
    /// Whether changed templates are read again, and who is told of it.
    watcher: Option<Watcher>,
    /// Held while they are read again, on a thread that may wait.
    reading: Mutex<()>,
    /// Held for the time of a rendering, which does not wait for anything.
    compiled: RwLock<Compiled>,
}

#[derive(Default)]
struct Compiled {
    templates: Handlebars<'static>,
    /// What each of them uses of what is there by itself.
    uses: BTreeMap<String, Uses>,
    /// The files as they were when the templates were last read, or could not be.
    files: Files,
}

/// What a view has by itself, where it uses it.
#[derive(Debug, Default)]
pub(crate) struct Given {
    pub(crate) csrf_token: Option<String>,
    pub(crate) flashes: Option<Value>,
}

thread_local! {
    /// The form token of what is being rendered on this thread.
    static TOKEN: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Each file's stamp, by which a change is noticed.
type Files = BTreeMap<PathBuf, (Option<SystemTime>, u64)>;

/// Why a view could not be rendered or compiled.
#[derive(Debug)]
#[non_exhaustive]
pub enum ViewError {
    /// There is no template of this name.
    Missing {
        /// The view's name.
        name: String,
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The controller has no name that a view could have, as a closure; the reply must name its view.
    Nameless,
    /// A template can't be compiled.
    Template(PathBuf, Box<handlebars::TemplateError>),
    /// A template, where it is known which, can't be rendered with these variables.
    Render(Option<PathBuf>, Box<handlebars::RenderError>),
    /// The variables can't be serialised.
    Variables(serde_json::Error),
    /// A file can't be read.
    Read(PathBuf, std::io::Error),
    /// The view uses a variable that is there by itself, and the controller gives it another of the same name.
    Taken {
        /// The variable: `csrf_token` or `flashes`.
        name: &'static str,
    },
    /// The view uses such a variable, and the controller's variables are no object to which it could be added.
    NoObject,
    /// The view uses such a variable, and the application has no sessions.
    NoSessions,
}

impl Views {
    /// Compiles the templates of `directory`. A missing directory has none. With a watcher they are read again when they
    /// have changed.
    pub(crate) fn load(directory: PathBuf, watcher: Option<Watcher>) -> Result<Self, ViewError> {
        let compiled = Compiled::read(&directory, list(&directory)?)?;
        Ok(Self(Arc::new(Inner {
            directory,
            watcher,
            reading: Mutex::new(()),
            compiled: RwLock::new(compiled),
        })))
    }

    /// Has the templates as they are on disk by now, where they are watched.
    pub(crate) async fn prepare(&self) {
        if self.0.watcher.is_some() {
            self.refresh().await;
        }
    }

    /// What a view uses of what is there by itself, with the layout and all that it includes.
    pub(crate) fn uses(&self, name: &str) -> Uses {
        let compiled = self.compiled();
        let of = |name| compiled.uses.get(name).copied().unwrap_or_default();
        of(name).or(of(LAYOUT))
    }

    /// Reads the templates again where one has changed, and tells the watcher.
    pub(crate) async fn refresh(&self) {
        let views = self.clone();
        // It fails only when the runtime shuts down.
        let _ = tokio::task::spawn_blocking(move || views.reload()).await;
    }

    /// The directory of the templates.
    pub(crate) fn directory(&self) -> &Path {
        &self.0.directory
    }

    fn path_of(&self, name: &str) -> PathBuf {
        self.0.directory.join(format!("{name}.{EXTENSION}"))
    }

    /// Renders a view inside the layout. The variables are visible in both.
    pub(crate) fn render(&self, name: &str, mut variables: Value, given: Given) -> Result<String, ViewError> {
        given.add_to(&mut variables)?;
        let before = TOKEN.replace(given.csrf_token);
        let rendered = self.render_given(name, variables);
        TOKEN.set(before);
        rendered
    }

    fn render_given(&self, name: &str, mut variables: Value) -> Result<String, ViewError> {
        let compiled = self.compiled();
        let templates = &compiled.templates;
        if !templates.has_template(name) {
            return Err(ViewError::Missing {
                name: name.to_owned(),
                path: self.path_of(name),
            });
        }
        let render = |name: &str, context: &Context| {
            let rendered = templates.render_with_context(name, context);
            rendered.map_err(|error| {
                // It may be a partial.
                let path = error.template_name.as_deref().map(|name| self.path_of(name));
                ViewError::Render(path, Box::new(error))
            })
        };
        if !templates.has_template(LAYOUT) {
            return render(name, &Context::from(variables));
        }
        let context = Context::from(variables);
        let content = render(name, &context)?;
        variables = context.data().clone();
        if !variables.is_object() {
            variables = Value::Object(serde_json::Map::new());
        }
        variables[CONTENT] = Value::String(content);
        render(LAYOUT, &Context::from(variables))
    }

    /// What can't be read or compiled leaves the old ones, and is not tried again before the next change.
    pub(crate) fn reload(&self) {
        // One at a time: a change is told once.
        let _reading = self.0.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let files = list(&self.0.directory);
        if files.as_ref().is_ok_and(|files| *files == self.compiled().files) {
            return;
        }
        let outcome = files.and_then(|files| match Compiled::read(&self.0.directory, files.clone()) {
            Ok(compiled) => {
                *self.compiled_mut() = compiled;
                Ok(())
            }
            Err(error) => {
                self.compiled_mut().files = files;
                Err(error)
            }
        });
        if let Err(error) = &outcome {
            tracing::error!("the old views are kept: {error}");
        }
        if let Some(watcher) = &self.0.watcher {
            watcher(outcome.as_ref().err());
        }
    }

    fn compiled(&self) -> RwLockReadGuard<'_, Compiled> {
        self.0.compiled.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn compiled_mut(&self) -> RwLockWriteGuard<'_, Compiled> {
        self.0.compiled.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Given {
    /// Adds them to the variables, where none of these has such a name.
    fn add_to(&self, variables: &mut Value) -> Result<(), ViewError> {
        let token = self
            .csrf_token
            .as_ref()
            .map(|token| (CSRF_TOKEN, Value::from(token.as_str())));
        let flashes = self.flashes.as_ref().map(|flashes| (FLASHES, flashes.clone()));
        for (name, value) in [token, flashes].into_iter().flatten() {
            if variables.is_null() {
                *variables = Value::Object(serde_json::Map::new());
            }
            let variables = variables.as_object_mut().ok_or(ViewError::NoObject)?;
            if variables.insert(name.to_owned(), value).is_some() {
                return Err(ViewError::Taken { name });
            }
        }
        Ok(())
    }
}

/// `{{csrf_token}}`: a helper, so that it is the same wherever it stands, also in a list of forms.
fn csrf_token(
    _helper: &Helper<'_>,
    _templates: &Handlebars<'_>,
    _context: &Context,
    _render: &mut RenderContext<'_, '_>,
    output: &mut dyn Output,
) -> HelperResult {
    let token = TOKEN.with_borrow(Clone::clone);
    let token = token.ok_or_else(|| RenderErrorReason::Other("there is no form token here".to_owned()))?;
    // Nothing in it means anything to HTML.
    output.write(&token)?;
    Ok(())
}

impl Compiled {
    fn read(directory: &Path, files: Files) -> Result<Self, ViewError> {
        let mut templates = Handlebars::new();
        templates.register_helper(CSRF_TOKEN, Box::new(csrf_token));
        let mut texts = BTreeMap::new();
        for path in files.keys() {
            let text = std::fs::read_to_string(path).map_err(|error| ViewError::Read(path.clone(), error))?;
            let name = template_name(directory, path);
            templates
                .register_template_string(&name, &text)
                .map_err(|error| ViewError::Template(path.clone(), Box::new(error)))?;
            texts.insert(name, text);
        }
        Ok(Self {
            templates,
            uses: uses::of(&texts),
            files,
        })
    }
}

/// The templates below `directory`, whatever its depth.
fn list(directory: &Path) -> Result<Files, ViewError> {
    let mut files = Files::new();
    let mut directories = vec![directory.to_path_buf()];
    while let Some(directory) = directories.pop() {
        let failed = |error| ViewError::Read(directory.clone(), error);
        let entries = match std::fs::read_dir(&directory) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            entries => entries.map_err(failed)?,
        };
        for entry in entries {
            let path = entry.map_err(failed)?.path();
            // A file may be gone between the listing and here, as when an editor saves.
            let Ok(metadata) = path.metadata() else { continue };
            // Not through links: they may lead in circles.
            if metadata.is_dir() && !path.is_symlink() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == EXTENSION) {
                files.insert(path, (metadata.modified().ok(), metadata.len()));
            }
        }
    }
    Ok(files)
}

fn template_name(directory: &Path, path: &Path) -> String {
    let path = path.strip_prefix(directory).unwrap_or(path).with_extension("");
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}

/// The view of a controller: `controllers::admin::users::show` has `admin/users/show`.
pub(crate) fn default_name(controller: Option<&str>) -> Result<String, ViewError> {
    let controller = controller.ok_or(ViewError::Nameless)?;
    let path = controller.strip_prefix("controllers::").unwrap_or(controller);
    Ok(path.replace("::", "/"))
}

impl ViewError {
    /// What is wrong, without the place.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::Template(_, error) => error.reason().to_string(),
            other => other.to_string(),
        }
    }

    /// The file that it is about, with the line and column in it.
    pub(crate) fn place(&self) -> Option<(&Path, usize, usize)> {
        match self {
            Self::Template(path, error) => {
                let (line, column) = error.pos().unwrap_or((1, 1));
                Some((path, line, column))
            }
            Self::Render(Some(path), error) => Some((path, error.line_no?, error.column_no.unwrap_or(1))),
            Self::Read(path, _) => Some((path, 1, 1)),
            _ => None,
        }
    }
}

impl fmt::Debug for Views {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Views").field(&self.0.directory).finish()
    }
}

impl fmt::Display for ViewError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { name, path } => write!(f, "there is no view `{name}`: {} does not exist", path.display()),
            Self::Nameless => f.write_str("a closure has no view of its own: use `Reply::view_named`"),
            Self::Template(path, error) => {
                let (line, column) = error.pos().unwrap_or((1, 1));
                write!(f, "{}:{line}:{column}: {}", path.display(), error.reason())
            }
            Self::Render(_, error) => write!(f, "a view can't be rendered: {error}"),
            Self::Variables(error) => write!(f, "the variables of a view can't be serialised: {error}"),
            Self::Read(path, error) => write!(f, "can't read {}: {error}", path.display()),
            Self::Taken { name } => write!(
                f,
                "the view uses `{name}`, which is there by itself, and its controller gives it another: rename one"
            ),
            Self::NoObject => f.write_str(
                "the view uses a variable that is there by itself, and its controller's variables are no object to add it to",
            ),
            Self::NoSessions => f.write_str(
                "the view uses `csrf_token` or `flashes`, and this application has no sessions: add \
                 `.sessions(nova::session::MemoryStore::new())` to its `App`",
            ),
        }
    }
}

impl std::error::Error for ViewError {}

#[cfg(test)]
mod tests;
