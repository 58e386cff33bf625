//! A project's directory, environment and variables, for an application under test.

use std::fs;
use std::path::Path;

use nova::{App, Config, ConfigError, Environment};
use tempfile::TempDir;

use crate::Server;

/// A project that exists for the time of a test, in the environment `test` unless another is chosen.
#[derive(Debug)]
pub struct Project {
    directory: TempDir,
    environment: &'static str,
    variables: Vec<(String, String)>,
}

impl Project {
    /// An empty directory.
    pub fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            environment: "test",
            variables: Vec::new(),
        }
    }

    /// Writes a file.
    #[must_use]
    pub fn file(self, path: &str, content: &str) -> Self {
        let path = self.directory.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    /// Makes a symbolic link.
    #[cfg(unix)]
    #[must_use]
    pub fn link(self, path: &str, target: impl AsRef<Path>) -> Self {
        std::os::unix::fs::symlink(target, self.directory.path().join(path)).unwrap();
        self
    }

    /// Chooses the environment.
    #[must_use]
    pub fn environment(mut self, name: &'static str) -> Self {
        self.environment = name;
        self
    }

    /// Sets a variable.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The project's settings.
    ///
    /// # Errors
    /// As [`Config::read`].
    pub fn config(&self) -> Result<Config, ConfigError> {
        Config::read(
            self.path(),
            Environment::new(self.environment),
            self.variables.iter().cloned(),
        )
    }

    /// Serves an application with this project's settings.
    pub fn serve<S, F>(self, app: F) -> Server
    where
        S: Clone + Send + Sync + 'static,
        F: FnOnce() -> App<S, S> + Send + 'static,
    {
        Server::start(self, app)
    }

    /// What an application that can't start with these settings says.
    pub fn refusal<S, F>(self, app: F) -> String
    where
        S: Clone + Send + Sync + 'static,
        F: FnOnce() -> App<S, S>,
    {
        match self.config() {
            Err(error) => error.to_string(),
            Ok(config) => crate::server::refusal(app().config(config)),
        }
    }
}

impl Default for Project {
    fn default() -> Self {
        Self::new()
    }
}
