//! The line of a new manifest that depends on the runtime.

use std::path::{Path, PathBuf};

use crate::disk;
use crate::error::{Error, Result};
use crate::project::RUNTIME_PACKAGE;

/// The dependency on the runtime: the directory that was asked for, the one beside this program's own source, or the
/// release that goes with this program.
pub(crate) fn runtime(asked: Option<&Path>, nats: bool) -> Result<String> {
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
    let text = disk::text(&path.join("Cargo.toml")).map_err(|_| refused("has no Cargo.toml"))?;
    let manifest: toml::Table = text
        .parse()
        .map_err(|_| refused("has a Cargo.toml that does not parse"))?;
    let name = manifest.get("package").and_then(|package| package.get("name"));
    if name.and_then(toml::Value::as_str) != Some(RUNTIME_PACKAGE) {
        return Err(refused("holds another package"));
    }
    std::fs::canonicalize(path).map_err(|error| refused(&format!("can't be used: {error}")))
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
}
