//! `nova new`: a project where there was none; `nova init`: one among what is there.

mod by_hand;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Serialize;
use serde_json::json;

use crate::error::{Error, Result};
use crate::name::{Name, Role};
use crate::plan::{Conflicts, Part, Plan};
use crate::project::{Database, Project};
use crate::template::{ACCOUNTS, For, PROJECT};
use crate::work::{self, Work};
use crate::{args, dependency, disk, generate, migrations, project, terminal, workspace};

/// Crates that a project depends on, and so can't be called.
const DEPENDENCIES: &[&str] = &["argon2", "nova", "nova_framework", "serde", "sqlx", "tokio"];
/// Directories that cargo makes for itself among a project's artifacts.
const ARTIFACTS: &[&str] = &["build", "deps", "examples", "incremental"];

/// What the project's templates need to know.
#[derive(Debug, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a question that a template asks")]
struct Data {
    package: String,
    #[serde(rename = "crate")]
    krate: String,
    title: String,
    /// The line of the manifest that depends on the runtime.
    runtime: String,
    /// Whether it needs a workspace of its own,
    own_workspace: bool,
    /// or is a member of one, whose profiles are the ones that count.
    member: bool,
    /// Where it is below the root of that workspace, as `apps/one/`; empty where it is in none.
    below: String,
    /// Whether it is in a repository of another directory, where nobody looks for its workflows.
    inside_repository: bool,
    /// Whether it reaches other nodes over NATS,
    nats: bool,
    /// answers without pages,
    api: bool,
    /// has accounts,
    auth: bool,
    /// is to be run in containers,
    docker: bool,
    /// has a database.
    db: bool,
    sqlite: bool,
    postgres: bool,
    /// The line of the manifest that depends on what speaks to it, and where it is.
    sqlx: &'static str,
    database: String,
}

impl Data {
    fn has(&self, file: For) -> bool {
        match file {
            For::Every => true,
            For::Repository => !self.inside_repository,
            For::Pages => !self.api,
            For::Api => self.api,
            For::Auth => self.auth,
            For::AuthPages => self.auth && !self.api,
            For::AuthApi => self.auth && self.api,
            For::Docker => self.docker,
            For::DockerAlone => self.docker && self.below.is_empty(),
            For::DockerMember => self.docker && !self.below.is_empty(),
            For::Database => self.db,
            For::Sqlite => self.sqlite,
            For::Postgres => self.postgres,
        }
    }
}

/// Runs `nova new`.
pub(crate) fn run(args: &args::New) -> Result<PathBuf> {
    let absolute = std::path::absolute(&args.path).map_err(|error| {
        Error::usage(format!("can't create a project in `{}`: {error}", args.path.display()))
            .detail("nothing was written")
            .help("nova new myapp")
    })?;
    let absolute = without_dots(&absolute);
    let command = format!("nova new {} --name ", shell_word(&args.path));
    let (typed, name) = name(args.make.name.as_deref(), &args.path, &absolute, &command)?;
    let then = if args.serve { Then::Serve } else { Then::Enter };
    create(&args.make, &args.path, &absolute, &typed, &name, then)?;
    Ok(absolute)
}

/// Runs `nova init`.
pub(crate) fn init(args: &args::Init) -> Result<()> {
    let here = project::here()?;
    let manifest: Option<toml::Table> = disk::text(&here.join("Cargo.toml"))
        .ok()
        .and_then(|text| text.parse().ok());
    // Dependencies there are an error to cargo, for every member.
    if manifest
        .as_ref()
        .is_some_and(|manifest| manifest.contains_key("workspace") && !manifest.contains_key("package"))
    {
        return Err(
            Error::failed("the Cargo.toml here is a workspace's, and has no package")
                .detail("nothing was written")
                .help("nova new crates/myapp, and list it among the members"),
        );
    }
    let said = |section: &str, key: &str| manifest.as_ref()?.get(section)?.get(key)?.as_str();
    let is_usual = |path: &str| Path::new(".").join(path) == Path::new("./src/lib.rs");
    if let Some(path) = said("lib", "path").filter(|path| !is_usual(path)) {
        return Err(
            Error::failed(format!("a project's library is src/lib.rs, and the one here is {path}"))
                .detail("nothing was written")
                .help("move it there, and take `path` out of [lib] in Cargo.toml"),
        );
    }
    let chosen = args.make.name.as_deref().or(said("package", "name"));
    let (typed, name) = name(chosen, Path::new("."), &here, "nova init --name ")?;
    create(&args.make, Path::new(""), &here, &typed, &name, Then::Merge)
}

/// What is done with a project when its files are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// The user goes there, and serves it.
    Enter,
    /// It is served by the same command.
    Serve,
    /// The user brings it together with what has been there before, of which every file has stayed.
    Merge,
}

/// Writes a project, around the files that are there or only where there are none.
fn create(make: &args::Make, shown: &Path, absolute: &Path, typed: &str, name: &Name, then: Then) -> Result<()> {
    let keeps = then == Then::Merge;
    // What a manifest that is there says of workspaces stays, too.
    let around = workspace::around(absolute).filter(|_| !absolute.join("Cargo.toml").exists());
    let package = if typed.contains('-') {
        name.kebab()
    } else {
        name.snake()
    };
    let data = Data {
        krate: library(absolute).unwrap_or_else(|| name.snake()),
        title: package.clone(),
        runtime: dependency::runtime(make.nova_path.as_deref(), make.nats)?,
        own_workspace: around.as_ref().is_some_and(|around| !around.lists),
        member: around.as_ref().is_some_and(|around| around.lists),
        below: workspace::below(absolute).unwrap_or_default(),
        inside_repository: !has_git(absolute) && absolute.ancestors().any(has_git),
        nats: make.nats,
        api: make.api,
        auth: make.auth,
        docker: make.docker,
        db: make.db.is_some(),
        sqlite: make.db == Some(Database::Sqlite),
        postgres: make.db == Some(Database::Postgres),
        sqlx: make.db.map_or("", sqlx),
        database: match make.db {
            Some(Database::Sqlite) => format!("sqlite://{package}.db"),
            Some(Database::Postgres) => format!("postgres://localhost/{}", name.snake()),
            None => String::new(),
        },
        package,
    };
    let conflicts = if keeps { Conflicts::Keep } else { Conflicts::Refuse };
    let mut left = Vec::new();
    let mut done = work::carry_out(absolute, make.show, conflicts, || {
        if !keeps {
            refuse_occupied(absolute, shown)?;
        }
        let mut parts = parts(absolute, &data)?;
        if keeps {
            left = by_hand::of_files_that_are_there(absolute, &mut parts);
        }
        Ok(Work {
            plan: Plan::adding(absolute, parts).shown_below(shown),
            about: json!({ "command": if keeps { "init" } else { "new" }, "name": data.package, "path": absolute }),
            notes: Vec::new(),
            look: None,
        })
    })?;
    if data.package != typed {
        done.also(
            "Named",
            &format!("{} (`{typed}` in the spelling of packages)", data.package),
        );
    }
    if let Some(around) = around {
        let manifest = around.manifest.display();
        if around.lists {
            done.also(
                "Member",
                &format!("of the workspace of {manifest}, whose profiles it has"),
            );
        } else {
            done.also(
                "Separate",
                &format!("a workspace of its own, for {manifest} does not list it"),
            );
        }
    }
    if done.wrote() && !make.no_git && initialise_git(absolute) {
        done.also("Initialized", "git repository");
    }
    let finished = format!("{}, {} files", data.package, done.checked.created());
    let by_hand = match then {
        Then::Merge => by_hand::lines(absolute, &data, left)?,
        Then::Enter | Then::Serve => Vec::new(),
    };
    let next = match then {
        Then::Merge if by_hand.is_empty() => Some("  nova serve".to_owned()),
        Then::Merge | Then::Serve => None,
        Then::Enter => {
            let here = std::env::current_dir().is_ok_and(|current| current == absolute);
            let enter = if here {
                String::new()
            } else {
                format!("  cd {}\n", shell_word(shown))
            };
            Some(format!("{enter}  nova serve"))
        }
    };
    if then == Then::Merge {
        done.tell("by_hand", by_hand::json(&by_hand));
    }
    done.finish(&finished, next.as_deref());
    // Also where nothing was written: until it is there, it is to be read again.
    if !by_hand.is_empty() && !make.show.json && !make.show.diff {
        let by_hand = by_hand::shown(&by_hand);
        terminal::plain(format!(
            "\nnext: your files are as they were; by hand come\n\n{by_hand}\n\nthen: nova serve"
        ));
    }
    Ok(())
}

/// What speaks to a database. To Postgres also with TLS, which most that are not on the same machine ask for.
fn sqlx(database: Database) -> &'static str {
    match database {
        Database::Sqlite => {
            "sqlx = { version = \"0.9\", default-features = false, features = \
             [\"macros\", \"migrate\", \"runtime-tokio\", \"sqlite-bundled\"] }"
        }
        Database::Postgres => {
            "sqlx = { version = \"0.9\", default-features = false, features = \
             [\"macros\", \"migrate\", \"postgres\", \"runtime-tokio\", \"tls-rustls-ring-webpki\"] }"
        }
    }
}

/// What the library is called by a manifest that is there.
fn library(directory: &Path) -> Option<String> {
    let manifest: toml::Table = disk::text(&directory.join("Cargo.toml")).ok()?.parse().ok()?;
    let name = manifest.get("lib")?.get("name")?.as_str()?;
    Some(name.replace('-', "_"))
}

/// The project's name, and how the user spelled it.
fn name(chosen: Option<&str>, path: &Path, directory: &Path, command: &str) -> Result<(String, Name)> {
    let taken = |names: &[&str], reason: &str| -> Vec<(String, String)> {
        names
            .iter()
            .map(|name| ((*name).to_owned(), reason.to_owned()))
            .collect()
    };
    let mut role = Role {
        what: "a project".to_owned(),
        command: "nova new ".to_owned(),
        example: "myapp",
        taken: taken(DEPENDENCIES, "a project depends on a crate of that name"),
    };
    role.taken.extend(taken(
        ARTIFACTS,
        "cargo has a directory of that name among its artifacts",
    ));
    if let Some(typed) = chosen {
        command.clone_into(&mut role.command);
        return Ok((typed.to_owned(), Name::parse(typed, &role)?));
    }
    // `nova new /` names nothing.
    let last = directory.file_name();
    let typed = last.unwrap_or_default().to_string_lossy().into_owned();
    if path.file_name().is_none() && !typed.is_empty() {
        command.clone_into(&mut role.command);
    } else if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        let parent = parent.display().to_string();
        role.command = format!("nova new {}/", parent.trim_end_matches('/'));
    }
    let name = Name::parse(&typed, &role)?;
    Ok((typed, name))
}

/// An error when something is where the project is to be.
fn refuse_occupied(directory: &Path, shown: &Path) -> Result<()> {
    let shown = shown.display();
    let another = "choose another directory, or move what is there";
    let among = "choose another directory, or run nova init in it, which keeps every file";
    let Ok(metadata) = std::fs::metadata(directory) else {
        return Ok(());
    };
    if !metadata.is_dir() {
        return Err(Error::failed(format!("{shown} is a file"))
            .detail("nothing was written")
            .help(another));
    }
    let entries = std::fs::read_dir(directory)
        .map_err(|error| Error::failed(format!("can't look into {shown}: {error}")).detail("nothing was written"))?;
    let mut found: Vec<String> = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    if found.is_empty() {
        return Ok(());
    }
    found.sort();
    let more = if found.len() > 3 { ", …" } else { "" };
    found.truncate(3);
    Err(
        Error::failed(format!("{shown} is not empty: it holds {}{more}", found.join(", ")))
            .detail("nothing was written")
            .help(among),
    )
}

/// The files of the project, and what a variant adds to them.
fn parts(root: &Path, data: &Data) -> Result<Vec<Part>> {
    let files = PROJECT.iter().filter(|(_, file, _)| data.has(*file));
    let part =
        |(path, _, template): &(&str, For, crate::template::Template)| Ok(Part::file(path, template.render(data)?));
    let mut parts: Vec<Part> = files.map(part).collect::<Result<_>>()?;
    if data.auth && data.db {
        let [sqlite, postgres] = ACCOUNTS;
        let sql = if data.sqlite { sqlite } else { postgres };
        parts.push(Part::file(migrations::path(root, "create_account"), sql.to_owned()));
    }
    if data.nats {
        let project = Project {
            root: root.to_path_buf(),
            name: data.package.clone(),
            library: data.krate.clone(),
            library_root: None,
            version: None,
            dependencies: Vec::new(),
            renamed: None,
        };
        parts.extend(generate::chat(&project)?);
    }
    if let Some((path, rival)) = generate::rival(&parts, root) {
        let error = Error::failed(format!("{} is a module of that name already", rival.display()));
        let help = format!("move it to {}, where a project has it", path.display());
        return Err(error.detail("nothing was written").help(help));
    }
    Ok(parts)
}

fn has_git(directory: &Path) -> bool {
    directory.join(".git").exists()
}

/// Makes a git repository, unless there is one or no git. Whether it did.
fn initialise_git(directory: &Path) -> bool {
    if directory.ancestors().any(has_git) {
        return false;
    }
    Command::new("git")
        .args(["init", "--quiet"])
        .arg(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The path with `.` and `..` worked out, whether or not anything is there.
fn without_dots(path: &Path) -> PathBuf {
    use std::path::Component;
    let mut result = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                result.pop();
            }
            component => result.push(component),
        }
    }
    result
}

/// A path as it is typed into a shell.
fn shell_word(path: &Path) -> String {
    let path = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-~+@%:,".contains(c);
    if !path.is_empty() && path.chars().all(plain) {
        return path;
    }
    format!("'{}'", path.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_quoted_where_a_shell_needs_it() {
        assert_eq!(shell_word(Path::new("services/my-app")), "services/my-app");
        assert_eq!(shell_word(Path::new("my app")), "'my app'");
        assert_eq!(shell_word(Path::new("it's")), "'it'\\''s'");
    }
}
