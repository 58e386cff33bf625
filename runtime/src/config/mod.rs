//! Settings: `nova.toml`, its sections for one environment, and `NOVA_…` variables, in rising order of precedence.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::environment::Environment;

mod in_force;
mod section;
mod tree;

pub(crate) use in_force::Setting;
use tree::Node;

/// The file's name, searched for in the working directory and above.
const FILE: &str = "nova.toml";

/// The settings in force: those of `nova.toml`, then those for the environment, then the process's variables.
///
/// ```toml
/// [server]                # for every environment
/// port = 8080
///
/// [env.prod.server]       # overrides [server] in the environment `prod`
/// host = "0.0.0.0"
///
/// [app]                   # the application's own: `config.section("app")`, as `[database]` is
/// greeting = "hello"
/// ```
///
/// `NOVA_SERVER_PORT=9000` overrides `server.port` over both; a list is written with commas. A wrong value or an unknown
/// key is an error at start that names the key, the file and line or the variable, and what was expected.
///
#[doc = include_str!("settings.md")]
///
/// Cheap to clone. Also an extractor: a controller can take it as an argument.
#[derive(Clone)]
pub struct Config(Arc<Inner>);

struct Inner {
    root: PathBuf,
    environment: Environment,
    tree: Node,
}

/// A setting that can't be used, or a file that can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    pub(crate) message: String,
    /// The path of keys to the value.
    pub(crate) key: Option<String>,
    /// The file and line, or the variable.
    pub(crate) origin: Option<String>,
}

impl Config {
    /// Reads the settings for this process: `nova.toml` in the working directory or the nearest directory above that has
    /// one (or in `NOVA_ROOT`), and the process's variables.
    ///
    /// # Errors
    /// When the file can't be read or is no TOML. A missing file is no error: everything has a default.
    pub fn load(environment: Environment) -> Result<Self, ConfigError> {
        let root = match std::env::var_os("NOVA_ROOT") {
            Some(root) => PathBuf::from(root),
            None => find_root()?,
        };
        Self::read(
            root,
            environment,
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
        )
    }

    /// Reads the settings of the project at `root`, with these variables in place of the process's.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn read(
        root: impl Into<PathBuf>,
        environment: Environment,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let root = root.into();
        let mut tree = match std::fs::read_to_string(root.join(FILE)) {
            Ok(text) => tree::parse(FILE, &text)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Node::empty(),
            Err(error) => {
                return Err(ConfigError {
                    message: format!("can't read the file: {error}"),
                    key: None,
                    origin: Some(root.join(FILE).display().to_string()),
                });
            }
        };
        tree.select_environment(environment.name())?;
        tree.override_with(variables);
        Ok(Self(Arc::new(Inner {
            root,
            environment,
            tree,
        })))
    }

    /// One section, as the type that its owner gives it. An absent section is read as an empty one, so that serde's
    /// defaults apply.
    ///
    /// ```
    /// # fn main() -> nova::Result<()> {
    /// use nova::{Config, Environment};
    ///
    /// #[derive(serde::Deserialize)]
    /// #[serde(default, deny_unknown_fields)]
    /// struct Greeting {
    ///     greeting: String,
    /// }
    ///
    /// impl Default for Greeting {
    ///     fn default() -> Self {
    ///         Self { greeting: "hello".into() }
    ///     }
    /// }
    ///
    /// let variables = [("NOVA_APP_GREETING".to_string(), "good evening".to_string())];
    /// let config = Config::read("/nowhere", Environment::TEST, variables)?;
    /// assert_eq!(config.section::<Greeting>("app")?.greeting, "good evening");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When a value is not what `T` expects, or a key is not one of its fields.
    pub fn section<T: DeserializeOwned>(&self, name: &str) -> Result<T, ConfigError> {
        section::deserialize(name, self.0.tree.get(name))
    }

    /// Every setting of these sections with its value in force, secrets hidden: for a person.
    pub(crate) fn in_force(&self, sections: &[&str]) -> Vec<Setting> {
        in_force::list(&self.0.tree, self.0.environment.name(), sections)
    }

    /// The project's directory: that of `nova.toml`, or the working directory.
    pub fn root(&self) -> &Path {
        &self.0.root
    }

    /// The environment that these settings are for.
    pub fn environment(&self) -> &Environment {
        &self.0.environment
    }

    /// Refuses sections that nothing reads.
    pub(crate) fn expect_sections(&self, known: &[&str]) -> Result<(), ConfigError> {
        self.0.tree.expect_sections(known)
    }
}

fn find_root() -> Result<PathBuf, ConfigError> {
    let directory = std::env::current_dir().map_err(|error| ConfigError {
        message: format!("can't tell the working directory: {error}"),
        key: None,
        origin: None,
    })?;
    let with_file = directory.ancestors().find(|directory| directory.join(FILE).is_file());
    Ok(with_file.unwrap_or(&directory).to_path_buf())
}

/// Not the values: some are secret.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("root", &self.0.root)
            .field("environment", &self.0.environment)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(origin) = &self.origin {
            write!(f, "{origin}: ")?;
        }
        if let Some(key) = &self.key {
            write!(f, "{key}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for ConfigError {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(default, deny_unknown_fields)]
    struct Server {
        host: String,
        port: u16,
        tls: bool,
        origins: Vec<String>,
        limit: Option<u32>,
    }

    impl Default for Server {
        fn default() -> Self {
            Self {
                host: "127.0.0.1".into(),
                port: 8080,
                tls: false,
                origins: Vec::new(),
                limit: None,
            }
        }
    }

    fn config(text: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let mut tree = tree::parse(FILE, text)?;
        tree.select_environment("prod")?;
        tree.override_with(variables.iter().map(|(name, value)| ((*name).into(), (*value).into())));
        Ok(Config(Arc::new(Inner {
            root: PathBuf::new(),
            environment: Environment::PROD,
            tree,
        })))
    }

    fn server(text: &str, variables: &[(&str, &str)]) -> Result<Server, String> {
        config(text, variables)
            .and_then(|config| config.section("server"))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn an_empty_file_gives_the_defaults() {
        assert_eq!(server("", &[]), Ok(Server::default()));
    }

    #[test]
    fn the_environment_overrides_and_a_variable_overrides_both() {
        let text = "[server]\nhost = \"a\"\nport = 1\n[env.prod.server]\nport = 2\n[env.dev.server]\nport = 3\n";
        let found = server(text, &[]).unwrap();
        assert_eq!((found.host.as_str(), found.port), ("a", 2));
        assert_eq!(server(text, &[("NOVA_SERVER_PORT", "4")]).unwrap().port, 4);
    }

    #[test]
    fn a_variable_is_read_as_the_type_that_is_wanted() {
        let variables = [
            ("NOVA_SERVER_TLS", "true"),
            ("NOVA_SERVER_HOST", "8080"),
            ("NOVA_SERVER_ORIGINS", "https://a.example, https://b.example"),
            ("NOVA_SERVER_LIMIT", "7"),
        ];
        let found = server("", &variables).unwrap();
        assert!(found.tls);
        assert_eq!(found.host, "8080");
        assert_eq!(found.origins, ["https://a.example", "https://b.example"]);
        assert_eq!(found.limit, Some(7));
    }

    #[test]
    fn a_wrong_type_names_key_file_line_and_what_was_expected() {
        assert_eq!(
            server("\n[server]\nport = \"x\"\n", &[]).unwrap_err(),
            "nova.toml:3: server.port: invalid type: string \"x\", expected u16"
        );
        assert_eq!(
            server("[server]\nport = 70000\n", &[]).unwrap_err(),
            "nova.toml:2: server.port: invalid value: integer `70000`, expected u16"
        );
        assert_eq!(
            server("[env.prod.server]\norigins = [\"a\", 1]\n", &[]).unwrap_err(),
            "nova.toml:2: server.origins: invalid type: integer `1`, expected a string"
        );
        assert_eq!(
            server("server = 3\n", &[]).unwrap_err(),
            "nova.toml:1: server: invalid type: integer `3`, expected struct Server"
        );
    }

    #[test]
    fn a_variable_reaches_a_table_within_a_section() {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Outer {
            tls: BTreeMap<String, String>,
        }
        let variables = [("NOVA_SERVER_TLS_KEY", "b.pem"), ("NOVA_SERVER_TLS_THE_OTHER", "c.pem")];
        for text in ["", "[server.tls]\nkey = \"a.pem\"\n"] {
            let outer: Outer = config(text, &variables).unwrap().section("server").unwrap();
            assert_eq!(outer.tls["key"], "b.pem");
            assert_eq!(outer.tls["the_other"], "c.pem");
        }
    }

    #[test]
    fn a_wrong_variable_is_named() {
        assert_eq!(
            server("", &[("NOVA_SERVER_PORT", "x")]).unwrap_err(),
            "NOVA_SERVER_PORT: server.port: invalid type: string \"x\", expected u16"
        );
    }

    #[test]
    fn an_unknown_key_names_those_that_exist() {
        assert_eq!(
            server("[server]\nprot = 1\n", &[]).unwrap_err(),
            "nova.toml:2: server.prot: unknown field `prot`, expected one of `host`, `port`, `tls`, `origins`, `limit`"
        );
    }

    #[test]
    fn a_broken_file_names_the_line() {
        let error = server("[server]\nport = 1\n[server\n", &[]).unwrap_err();
        assert!(error.starts_with("nova.toml:3: "), "{error}");
        assert!(
            server("[server]\nport = 1\nport = 2\n", &[])
                .unwrap_err()
                .starts_with("nova.toml:3: ")
        );
    }

    #[test]
    fn an_unknown_section_names_those_that_exist() {
        let config = config("[sever]\nport = 1\n", &[]).unwrap();
        assert_eq!(
            config.expect_sections(&["server", "app"]).unwrap_err().to_string(),
            "nova.toml:1: sever: unknown section, expected one of `server`, `app`, `env`"
        );
    }

    #[test]
    fn environments_that_are_not_chosen_are_checked_too() {
        let config = config("[env.dev.sevrer]\nport = 1\n", &[]).unwrap();
        assert_eq!(
            config.expect_sections(&["server"]).unwrap_err().to_string(),
            "nova.toml:1: env.dev.sevrer: unknown section, expected one of `server`, `env`"
        );
        assert!(
            server("[env]\nprod = 1\n", &[])
                .unwrap_err()
                .starts_with("nova.toml:2: env.prod: invalid type: integer `1`")
        );
    }

    #[test]
    fn an_empty_variable_is_none() {
        assert_eq!(server("", &[("NOVA_SERVER_PORT", "")]), Ok(Server::default()));
    }

    #[test]
    fn environments_are_a_table_of_tables() {
        assert_eq!(
            server("env = 1\n", &[]).unwrap_err(),
            "nova.toml:1: env: invalid type: integer `1`, expected a table for each environment, as in [env.prod.server]"
        );
    }
}
