//! Where `nova serve` listens: the command line, the environment, `nova.toml`, in this order.

use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::disk;
use crate::error::{Error, Result};

/// The file that the application is configured by.
pub(crate) const FILE: &str = "nova.toml";

const DEFAULT_HOST: &str = "127.0.0.1";
const DEFAULT_PORT: u16 = 8080;
const DEFAULT_ENVIRONMENT: &str = "dev";

const HOST_EXPECTED: &str = "a string such as \"127.0.0.1\"";
const PORT_EXPECTED: &str = "a port, 0 to 65535";

/// The address to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The application ends TLS.
    pub(crate) tls: bool,
}

/// What one of the sources says; what it leaves open is the next one's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Partial {
    pub(crate) host: Option<String>,
    pub(crate) port: Option<u16>,
    pub(crate) tls: bool,
}

impl Partial {
    fn or(self, next: Self) -> Self {
        Self {
            host: self.host.or(next.host),
            port: self.port.or(next.port),
            tls: self.tls || next.tls,
        }
    }
}

impl Settings {
    /// Resolves the address for the project at `root`; `typed` is what the command line says.
    pub(crate) fn resolve(typed: Partial, root: &Path) -> Result<Self> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let merged = typed
            .or(from_environment(variable)?)
            .or(from_file(root, &environment())?);
        Ok(Self {
            host: merged.host.unwrap_or_else(|| DEFAULT_HOST.to_owned()),
            port: merged.port.unwrap_or(DEFAULT_PORT),
            tls: merged.tls,
        })
    }
}

/// The environment that the application runs in: `NOVA_ENV`, or `dev`.
pub(crate) fn environment() -> String {
    std::env::var("NOVA_ENV")
        .ok()
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| DEFAULT_ENVIRONMENT.to_owned())
}

fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Partial> {
    let port = match variable("NOVA_SERVER_PORT") {
        None => None,
        Some(text) => Some(text.parse().map_err(|_| {
            Error::failed(format!("NOVA_SERVER_PORT is \"{text}\"")).detail(format!("expected {PORT_EXPECTED}"))
        })?),
    };
    Ok(Partial {
        host: variable("NOVA_SERVER_HOST"),
        port,
        tls: variable("NOVA_SERVER_TLS_CERTIFICATE").is_some(),
    })
}

fn from_file(root: &Path, environment: &str) -> Result<Partial> {
    match disk::text(&root.join(FILE)) {
        Ok(text) => from_text(&text, environment),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Partial::default()),
        Err(error) => Err(Error::failed(format!("{FILE} can't be read: {error}"))),
    }
}

/// Reads the keys of `[env.<environment>.server]`, then of `[server]`. Everything else is the application's to judge.
fn from_text(text: &str, environment: &str) -> Result<Partial> {
    let document = DeTable::parse(text).map_err(|error| {
        let place = error.span().map_or_else(|| FILE.to_owned(), |span| place(text, &span));
        Error::failed(format!("{place}: {}", error.message()))
    })?;
    let reader = Reader {
        text,
        root: document.get_ref(),
    };
    let layered = reader.server(&["env", environment, "server"])?;
    Ok(layered.or(reader.server(&["server"])?))
}

struct Reader<'a> {
    text: &'a str,
    root: &'a DeTable<'a>,
}

impl<'a> Reader<'a> {
    fn server(&self, path: &[&str]) -> Result<Partial> {
        let Some(table) = self.table(path)? else {
            return Ok(Partial::default());
        };
        let host = match table.get("host") {
            None => None,
            Some(value) => Some(self.host(path, value)?),
        };
        let port = match table.get("port") {
            None => None,
            Some(value) => Some(self.port(path, value)?),
        };
        // Whether it is complete is the application's to judge.
        let tls = table.get("tls").is_some_and(|value| value.get_ref().is_table());
        Ok(Partial { host, port, tls })
    }

    fn table(&self, path: &[&str]) -> Result<Option<&'a DeTable<'a>>> {
        let mut table = self.root;
        for (depth, key) in path.iter().enumerate() {
            let Some(value) = table.get(*key) else {
                return Ok(None);
            };
            table = value
                .get_ref()
                .as_table()
                .ok_or_else(|| self.wrong(&path[..=depth].join("."), value, "a table"))?;
        }
        Ok(Some(table))
    }

    fn host(&self, path: &[&str], value: &Spanned<DeValue<'_>>) -> Result<String> {
        match value.get_ref().as_str() {
            Some(host) if !host.is_empty() => Ok(host.to_owned()),
            _ => Err(self.wrong(&format!("{}.host", path.join(".")), value, HOST_EXPECTED)),
        }
    }

    fn port(&self, path: &[&str], value: &Spanned<DeValue<'_>>) -> Result<u16> {
        value
            .get_ref()
            .as_integer()
            .and_then(|integer| u16::from_str_radix(integer.as_str(), integer.radix()).ok())
            .ok_or_else(|| self.wrong(&format!("{}.port", path.join(".")), value, PORT_EXPECTED))
    }

    fn wrong(&self, key: &str, value: &Spanned<DeValue<'_>>, expected: &str) -> Error {
        let span = value.span();
        let found = self.text.get(span.clone()).unwrap_or_default();
        let found = found.lines().next().unwrap_or_default();
        Error::failed(format!("{}: {key} is {found}", place(self.text, &span))).detail(format!("expected {expected}"))
    }
}

/// `nova.toml:3:8`, the column in characters, both from 1.
fn place(text: &str, span: &Range<usize>) -> String {
    let before = text.get(..span.start).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
    format!("{FILE}:{line}:{column}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partial(host: Option<&str>, port: Option<u16>) -> Partial {
        Partial {
            host: host.map(str::to_owned),
            port,
            tls: false,
        }
    }

    #[test]
    fn where_tls_is_ended_is_read_from_both_sections() {
        let tls = |text: &str| from_text(text, "dev").unwrap().tls;
        assert!(tls("[server.tls]\nkey = \"a\"\n"));
        assert!(tls("[env.dev.server.tls]\nkey = \"a\"\n"));
        assert!(!tls("[env.prod.server.tls]\nkey = \"a\"\n[server]\nport = 1\n"));
    }

    #[test]
    fn the_environments_section_goes_before_the_general_one() {
        let text = "[server]\nhost = \"0.0.0.0\"\nport = 80\n[env.dev.server]\nport = 3_000\n";
        assert_eq!(from_text(text, "dev").unwrap(), partial(Some("0.0.0.0"), Some(3000)));
        assert_eq!(from_text(text, "prod").unwrap(), partial(Some("0.0.0.0"), Some(80)));
    }

    #[test]
    fn keys_that_are_not_ours_are_passed_over() {
        let text = "name = 1\n[server]\nprot = 3\n[env]\ndev = {}\n";
        assert_eq!(from_text(text, "dev").unwrap(), Partial::default());
    }

    #[test]
    fn a_wrong_type_is_told_with_its_place() {
        let error = from_text("# ö\n[server]\nport = \"80\"\n", "dev").unwrap_err();
        assert_eq!(error.message(), "nova.toml:3:8: server.port is \"80\"");
        assert_eq!(error.details(), ["expected a port, 0 to 65535"]);
        assert_eq!(error.exit_code(), 1);

        let error = from_text("env.dev.server = { port = 70000 }", "dev").unwrap_err();
        assert_eq!(error.message(), "nova.toml:1:27: env.dev.server.port is 70000");

        let error = from_text("server = 1", "dev").unwrap_err();
        assert_eq!(error.message(), "nova.toml:1:10: server is 1");

        let error = from_text("server.host = [\n1]", "dev").unwrap_err();
        assert_eq!(error.message(), "nova.toml:1:15: server.host is [");
    }

    #[test]
    fn a_broken_file_is_told_with_its_place() {
        let error = from_text("[server]\nport = \n", "dev").unwrap_err();
        assert!(error.message().starts_with("nova.toml:2:8: "), "{}", error.message());
    }

    #[test]
    fn variables_are_read_and_checked() {
        let read = from_environment(|name| (name == "NOVA_SERVER_PORT").then(|| "81".to_owned())).unwrap();
        assert_eq!(read, partial(None, Some(81)));
        let error = from_environment(|_| Some("high".to_owned())).unwrap_err();
        assert_eq!(error.message(), "NOVA_SERVER_PORT is \"high\"");
    }
}
