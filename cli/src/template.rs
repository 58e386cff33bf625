//! The templates, embedded in the binary.

use handlebars::{Handlebars, RenderErrorReason, Template as Parsed, TemplateError, no_escape};
use serde::Serialize;

use crate::error::{Error, Result};

/// A file to be.
#[derive(Debug)]
pub(crate) struct Template {
    text: &'static str,
    /// What is a Handlebars template of the application's own, or has no variables, goes out as it is.
    raw: bool,
}

macro_rules! raw {
    ($path:literal) => {
        Template {
            text: include_str!(concat!("../templates/", $path)),
            raw: true,
        }
    };
}

macro_rules! rendered {
    ($path:literal) => {
        Template {
            text: include_str!(concat!("../templates/", $path, ".hbs")),
            raw: false,
        }
    };
}

/// Which new projects a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum For {
    Every,
    /// Those that are not inside of a repository.
    Repository,
    /// Those with pages,
    Pages,
    /// those without,
    Api,
    /// with accounts, that have pages or not,
    Auth,
    AuthPages,
    AuthApi,
    /// to be run in containers, which are built of their own directory, or of the whole workspace that they are in,
    Docker,
    DockerAlone,
    DockerMember,
    /// with a database, of one kind or the other.
    Database,
    Sqlite,
    Postgres,
}

/// The files of a new project, in the order in which they are reported.
pub(crate) const PROJECT: &[(&str, For, Template)] = &[
    ("Cargo.toml", For::Every, rendered!("project/Cargo.toml")),
    ("README.md", For::Every, rendered!("project/README.md")),
    (".gitignore", For::Every, rendered!("project/gitignore")),
    (".github/workflows/ci.yml", For::Repository, rendered!("project/ci.yml")),
    ("Dockerfile", For::Docker, rendered!("project/Dockerfile")),
    (".dockerignore", For::DockerAlone, rendered!("project/dockerignore")),
    (
        "Dockerfile.dockerignore",
        For::DockerMember,
        rendered!("project/dockerignore"),
    ),
    ("nova.toml", For::Every, rendered!("project/nova.toml")),
    ("build.rs", For::Database, raw!("project/build.rs")),
    (
        "migrations/README.md",
        For::Database,
        raw!("project/migrations/README.md"),
    ),
    ("src/main.rs", For::Every, rendered!("project/src/main.rs")),
    ("src/lib.rs", For::Every, rendered!("project/src/lib.rs")),
    ("src/db.rs", For::Sqlite, raw!("project/src/db_sqlite.rs")),
    ("src/db.rs", For::Postgres, raw!("project/src/db_postgres.rs")),
    ("src/routes.rs", For::Every, rendered!("project/src/routes.rs")),
    (
        "src/controllers/mod.rs",
        For::Every,
        rendered!("project/src/controllers/mod.rs"),
    ),
    (
        "src/controllers/home.rs",
        For::Pages,
        rendered!("project/src/controllers/home.rs"),
    ),
    (
        "src/controllers/home.rs",
        For::Api,
        rendered!("project/src/controllers/home_api.rs"),
    ),
    (
        "src/controllers/account.rs",
        For::AuthPages,
        rendered!("project/src/controllers/account.rs"),
    ),
    (
        "src/controllers/account.rs",
        For::AuthApi,
        rendered!("project/src/controllers/account_api.rs"),
    ),
    ("src/models/mod.rs", For::Auth, raw!("project/src/models/mod.rs")),
    (
        "src/models/account.rs",
        For::Auth,
        rendered!("project/src/models/account.rs"),
    ),
    ("src/security/mod.rs", For::Auth, raw!("project/src/security/mod.rs")),
    (
        "src/security/member.rs",
        For::Auth,
        rendered!("project/src/security/member.rs"),
    ),
    ("views/layout.hbs", For::Pages, raw!("project/views/layout.hbs")),
    ("views/home/index.hbs", For::Pages, raw!("project/views/home/index.hbs")),
    (
        "views/account/register.hbs",
        For::AuthPages,
        raw!("project/views/account/register.hbs"),
    ),
    (
        "views/account/login.hbs",
        For::AuthPages,
        raw!("project/views/account/login.hbs"),
    ),
    (
        "views/account/show.hbs",
        For::AuthPages,
        raw!("project/views/account/show.hbs"),
    ),
    ("assets/app.css", For::Pages, raw!("project/assets/app.css")),
    ("assets/icon.svg", For::Pages, raw!("project/assets/icon.svg")),
];

/// The table of accounts, of one kind of database and the other.
pub(crate) const ACCOUNTS: [&str; 2] = [
    include_str!("../templates/project/migrations/create_account_sqlite.sql"),
    include_str!("../templates/project/migrations/create_account_postgres.sql"),
];

/// A kind of things that `nova gen` writes.
#[derive(Debug)]
pub(crate) struct BuiltIn {
    pub(crate) name: &'static str,
    /// What it is and how it is wired in: see `generate::kind`.
    pub(crate) manifest: &'static str,
    /// Its files: the path in the project, which is a template too, and the text.
    pub(crate) files: &'static [(&'static str, &'static str)],
}

macro_rules! built_in {
    ($name:literal, $($path:literal: $file:literal),+) => {
        BuiltIn {
            name: $name,
            manifest: include_str!(concat!("../templates/gen/", $name, "/kind.toml")),
            files: &[$(($path, include_str!(concat!("../templates/gen/", $name, "/", $file)))),+],
        }
    };
}

/// Every kind, in the order in which they are listed.
pub(crate) const KINDS: &[BuiltIn] = &[
    built_in!(
        "controller",
        "src/controllers/{{path}}.rs": "controller.rs.hbs",
        "views/{{path}}/{{action}}.hbs": "view.hbs.hbs"
    ),
    built_in!(
        "resource",
        "src/models/{{path}}.rs": "model.rs.hbs",
        "src/models/{{path}}.db.rs": "model_db.rs.hbs",
        "migrations/create_{{table}}.sql": "create.sql.hbs",
        "src/controllers/{{path}}.rs": "json.rs.hbs",
        "src/controllers/{{path}}.pages.rs": "pages.rs.hbs",
        "views/{{path}}/list.hbs": "list.hbs.hbs",
        "views/{{path}}/show.hbs": "show.hbs.hbs",
        "views/{{path}}/new.hbs": "new.hbs.hbs",
        "views/{{path}}/edit.hbs": "edit.hbs.hbs",
        "views/{{path}}/fields.hbs": "fields.hbs.hbs"
    ),
    built_in!("ws-handler", "src/ws/{{path}}.rs": "ws_handler.rs.hbs"),
    built_in!("security", "src/security/{{path}}.rs": "security.rs.hbs"),
    built_in!("fallback", "src/fallbacks/{{path}}.rs": "fallback.rs.hbs"),
    built_in!("reply-handler", "src/replies/{{path}}.rs": "reply.rs.hbs"),
    built_in!("test", "tests/{{name}}.rs": "test.rs.hbs"),
];

impl Template {
    /// The file's text. A variable that `data` doesn't have is an error.
    pub(crate) fn render(&self, data: &impl Serialize) -> Result<String> {
        if self.raw {
            return Ok(self.text.to_owned());
        }
        render(self.text, data).map_err(|broken| {
            Error::failed(format!("a template can't be rendered: {}", broken.reason)).detail("nothing was written")
        })
    }
}

/// Why a template can't be rendered, and where.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) line: Option<usize>,
    pub(crate) column: Option<usize>,
    pub(crate) reason: String,
}

/// Renders a text. A variable that `data` doesn't have is an error.
pub(crate) fn render(text: &str, data: &impl Serialize) -> Result<String, Broken> {
    let mut handlebars = Handlebars::new();
    handlebars.set_strict_mode(true);
    handlebars.register_escape_fn(no_escape);
    handlebars.render_template(text, data).map_err(|error| {
        let reason = match error.reason() {
            RenderErrorReason::TemplateError(error) => return Broken::of(error),
            RenderErrorReason::MissingVariable(name) => {
                format!("there is no variable `{}`", name.as_deref().unwrap_or_default())
            }
            other => short(other),
        };
        Broken {
            line: error.line_no,
            column: error.column_no,
            reason,
        }
    })
}

/// Whether a text is a template at all.
pub(crate) fn parse(text: &str) -> Result<(), Broken> {
    Parsed::compile(text).map(drop).map_err(|error| Broken::of(&error))
}

impl Broken {
    fn of(error: &TemplateError) -> Self {
        let place = error.pos();
        Self {
            line: place.map(|(line, _)| line),
            column: place.map(|(_, column)| column),
            reason: short(error.reason()),
        }
    }
}

/// The parser lists every token that it knows.
fn short(what: &dyn std::fmt::Display) -> String {
    let what = what.to_string().trim().replace('\n', " ");
    what.split(": expected").next().unwrap_or_default().to_owned()
}
