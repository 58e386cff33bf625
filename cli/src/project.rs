//! The project a command works on: the cargo package, here or above, that depends on the runtime.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The runtime's package, by which a project is known.
pub(crate) const RUNTIME_PACKAGE: &str = "nova-framework";

/// A cargo package that depends on the runtime. Found by reading its manifest: nothing is built, cargo is not asked.
#[derive(Debug)]
pub(crate) struct Project {
    /// The directory of its `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// `package.name`, as written.
    pub(crate) name: String,
    /// `package.version`, unless the workspace says it.
    pub(crate) version: Option<String>,
    /// The names of its dependencies, as its code says them.
    pub(crate) dependencies: Vec<String>,
}

impl Project {
    /// The nearest project at `directory` or above it.
    pub(crate) fn find(directory: &Path) -> Result<Self> {
        let mut broken = None;
        for root in directory.ancestors() {
            let manifest = root.join("Cargo.toml");
            let Ok(text) = std::fs::read_to_string(&manifest) else {
                continue;
            };
            match text.parse::<toml::Table>() {
                Ok(table) => {
                    if let Some(project) = Self::from_manifest(root, &table) {
                        return Ok(project);
                    }
                }
                Err(error) => {
                    broken.get_or_insert_with(|| {
                        Error::failed(format!("{} can't be read", manifest.display()))
                            .detail(error.to_string().trim_end().replace('\n', "\n       "))
                            .detail("nothing was written")
                    });
                }
            }
        }
        Err(broken.unwrap_or_else(|| {
            Error::failed("no nova project here: no Cargo.toml in this directory or above depends on nova")
                .help("nova new myapp")
        }))
    }

    fn from_manifest(root: &Path, manifest: &toml::Table) -> Option<Self> {
        let package = manifest.get("package")?;
        let name = package.get("name")?.as_str()?;
        let dependencies = manifest.get("dependencies")?.as_table()?;
        let is_runtime = |(name, value): (&String, &toml::Value)| {
            name == RUNTIME_PACKAGE || value.get("package").and_then(toml::Value::as_str) == Some(RUNTIME_PACKAGE)
        };
        dependencies.iter().any(is_runtime).then(|| Self {
            root: root.to_path_buf(),
            name: name.to_owned(),
            version: package.get("version").and_then(toml::Value::as_str).map(str::to_owned),
            dependencies: dependencies.keys().map(|name| name.replace('-', "_")).collect(),
        })
    }
}
