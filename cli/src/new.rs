//! `nova new`: a project where there was none.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Serialize;
use serde_json::json;

use crate::error::{Error, Result};
use crate::name::{Name, Role};
use crate::plan::{Conflicts, Part, Plan};
use crate::project::{Project, RUNTIME_PACKAGE};
use crate::template::PROJECT;
use crate::work::{self, Work};
use crate::{args, generate, workspace};

/// Crates that a project depends on, and so can't be called.
const DEPENDENCIES: &[&str] = &["nova", "nova_framework", "serde"];
/// Directories that cargo makes for itself among a project's artifacts.
const ARTIFACTS: &[&str] = &["build", "deps", "examples", "incremental"];

/// What the project's templates need to know.
#[derive(Debug, Serialize)]
struct Data {
    package: String,
    #[serde(rename = "crate")]
    krate: String,
    title: String,
    /// The line of the manifest that depends on the runtime.
    runtime: String,
    /// Whether it needs a workspace of its own.
    own_workspace: bool,
    /// Whether it reaches other nodes over NATS.
    nats: bool,
}

/// Runs `nova new`.
pub(crate) fn run(args: &args::New) -> Result<()> {
    let absolute = std::path::absolute(&args.path).map_err(|error| {
        Error::usage(format!("can't create a project in `{}`: {error}", args.path.display()))
            .detail("nothing was written")
            .help("nova new myapp")
    })?;
    let absolute = without_dots(&absolute);
    let (typed, name) = name(args, &absolute)?;
    let around = workspace::around(&absolute);
    let package = if typed.contains('-') {
        name.kebab()
    } else {
        name.snake()
    };
    let data = Data {
        krate: name.snake(),
        title: package.clone(),
        runtime: runtime(args.nova_path.as_deref(), args.nats)?,
        own_workspace: around.is_some(),
        nats: args.nats,
        package,
    };
    let done = work::carry_out(&absolute, args.show, Conflicts::Refuse, || {
        refuse_occupied(&absolute, args)?;
        Ok(Work {
            plan: Plan::adding(&absolute, parts(&absolute, &data)?).shown_below(&args.path),
            about: json!({ "command": "new", "name": data.package, "path": absolute }),
            notes: Vec::new(),
        })
    })?;
    if data.package != typed {
        done.also(
            "Named",
            &format!("{} (`{typed}` in the spelling of packages)", data.package),
        );
    }
    if let Some(manifest) = around {
        let manifest = manifest.display();
        done.also(
            "Separate",
            &format!("a workspace of its own, for {manifest} does not list it"),
        );
    }
    if done.wrote() && !args.no_git && initialise_git(&absolute) {
        done.also("Initialized", "git repository");
    }
    let finished = format!("{}, {} files", data.package, done.checked.created());
    let here = std::env::current_dir().is_ok_and(|current| current == absolute);
    let enter = if here {
        String::new()
    } else {
        format!("  cd {}\n", shell_word(&args.path))
    };
    done.finish(&finished, Some(&format!("{enter}  nova serve")));
    Ok(())
}

/// The project's name, and how the user spelled it.
fn name(args: &args::New, directory: &Path) -> Result<(String, Name)> {
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
    if let Some(typed) = &args.name {
        role.command = format!("nova new {} --name ", shell_word(&args.path));
        return Ok((typed.clone(), Name::parse(typed, &role)?));
    }
    // `nova new /` names nothing.
    let last = directory.file_name();
    let typed = last.unwrap_or_default().to_string_lossy().into_owned();
    if args.path.file_name().is_none() && !typed.is_empty() {
        role.command = format!("nova new {} --name ", shell_word(&args.path));
    } else if let Some(parent) = args.path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        let parent = parent.display().to_string();
        role.command = format!("nova new {}/", parent.trim_end_matches('/'));
    }
    let name = Name::parse(&typed, &role)?;
    Ok((typed, name))
}

/// An error when something is where the project is to be.
fn refuse_occupied(directory: &Path, args: &args::New) -> Result<()> {
    let shown = args.path.display();
    let another = "choose another directory, or move what is there";
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
            .help(another),
    )
}

/// The files of the project, and what a variant adds to them.
fn parts(root: &Path, data: &Data) -> Result<Vec<Part>> {
    let part = |(path, template): &(&str, crate::template::Template)| {
        Ok(Part::File {
            path: path.into(),
            content: template.render(data)?,
        })
    };
    let mut parts: Vec<Part> = PROJECT.iter().map(part).collect::<Result<_>>()?;
    if data.nats {
        let project = Project {
            root: root.to_path_buf(),
            name: data.package.clone(),
            library: data.krate.clone(),
            dependencies: Vec::new(),
        };
        parts.extend(generate::chat(&project)?);
    }
    Ok(parts)
}

/// The dependency on the runtime: the directory that was asked for, the one beside this program's own source, or the
/// release that goes with this program.
fn runtime(asked: Option<&Path>, nats: bool) -> Result<String> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("runtime");
    let directory = match asked.filter(|path| !path.as_os_str().is_empty()) {
        Some(path) => Some(checkout(path)?),
        None => beside.join("Cargo.toml").is_file().then_some(beside),
    };
    let source = if let Some(directory) = directory {
        let Some(directory) = directory.to_str() else {
            let shown = directory.display();
            return Err(Error::usage(format!(
                "a manifest can't hold the path {shown}, which is not Unicode"
            )));
        };
        format!("path = {}", toml_string(directory))
    } else {
        let version = env!("CARGO_PKG_VERSION")
            .rsplit_once('.')
            .map_or("*", |(minor, _)| minor);
        format!("version = {}", toml_string(version))
    };
    let features = if nats { ", features = [\"nats\"]" } else { "" };
    Ok(format!(
        "nova = {{ package = \"{RUNTIME_PACKAGE}\", {source}{features} }}"
    ))
}

/// The absolute path of a directory that holds the runtime.
fn checkout(path: &Path) -> Result<PathBuf> {
    let refused = |reason: &str| {
        Error::usage(format!("{} {reason}", path.display()))
            .detail("nothing was written")
            .help("--nova-path, or NOVA_PATH, is the directory of the package nova-framework")
    };
    let text = std::fs::read_to_string(path.join("Cargo.toml")).map_err(|_| refused("has no Cargo.toml"))?;
    let manifest: toml::Table = text
        .parse()
        .map_err(|_| refused("has a Cargo.toml that does not parse"))?;
    let name = manifest.get("package").and_then(|package| package.get("name"));
    if name.and_then(toml::Value::as_str) != Some(RUNTIME_PACKAGE) {
        return Err(refused("holds another package"));
    }
    std::fs::canonicalize(path).map_err(|error| refused(&format!("can't be used: {error}")))
}

/// Makes a git repository, unless there is one or no git. Whether it did.
fn initialise_git(directory: &Path) -> bool {
    if directory.ancestors().any(|above| above.join(".git").exists()) {
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

/// A basic TOML string.
fn toml_string(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.extend(format!("\\u{:04X}", u32::from(c)).chars()),
            c => quoted.push(c),
        }
    }
    quoted + "\""
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
    fn any_path_is_a_toml_string() {
        for path in [
            "/a b",
            "C:\\nova",
            "/it's \"quoted\"",
            "/é/日本",
            "/tab\tnewline\n\u{7f}\u{85}",
        ] {
            let table: toml::Table = format!("path = {}", toml_string(path)).parse().unwrap();
            assert_eq!(table["path"].as_str(), Some(path));
        }
    }

    #[test]
    fn the_runtime_has_the_version_of_this_program() {
        let manifest = |path: &str| -> Option<toml::Table> {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
            Some(std::fs::read_to_string(path).ok()?.parse().unwrap())
        };
        // The packaged crate has no runtime beside it.
        let (Some(workspace), Some(runtime)) = (manifest("../Cargo.toml"), manifest("../runtime/Cargo.toml")) else {
            return;
        };
        let version = workspace["workspace"]["package"]["version"].as_str();
        assert_eq!(version, Some(env!("CARGO_PKG_VERSION")));
        assert_eq!(runtime["package"]["name"].as_str(), Some(RUNTIME_PACKAGE));
        assert_eq!(runtime["package"]["version"]["workspace"].as_bool(), Some(true));
    }

    #[test]
    fn a_directory_is_quoted_where_a_shell_needs_it() {
        assert_eq!(shell_word(Path::new("services/my-app")), "services/my-app");
        assert_eq!(shell_word(Path::new("my app")), "'my app'");
        assert_eq!(shell_word(Path::new("it's")), "'it'\\''s'");
    }
}
