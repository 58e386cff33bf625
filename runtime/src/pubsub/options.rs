//! The section `[pubsub]`.

use std::fmt;
use std::path::PathBuf;

use serde::de::{self, Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Where the broker is when nothing is said.
const URL: &str = "nats://127.0.0.1:4222";

/// What pub/sub is asked for, checked.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Section")]
#[cfg_attr(not(feature = "nats"), expect(dead_code, reason = "there is nothing that links"))]
pub(super) struct PubSubOptions {
    pub(super) adapter: AdapterName,
    pub(super) urls: Vec<Url>,
    pub(super) access: Access,
    /// The file with the certificates of those that may sign the broker's, in place of the system's.
    pub(super) tls_ca: Option<PathBuf>,
    /// The files with this node's certificate and its key.
    pub(super) tls_client: Option<(PathBuf, PathBuf)>,
    pub(super) prefix: String,
    pub(super) node: Option<String>,
    /// How many messages wait for the link, and how many bytes of them.
    pub(super) queue_messages: usize,
    pub(super) queue_bytes: usize,
    /// After how many seconds without an answer from the broker it is asked for one.
    pub(super) ping_interval: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AdapterName {
    Local,
    #[cfg(feature = "nats")]
    Nats,
}

/// By what the broker knows this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// By nothing, or by what is in the URL.
    Open,
    Password(String, Secret),
    Token(Secret),
    /// A file with the seed of an `NKey`.
    Nkey(PathBuf),
    /// A file with a JWT and a seed.
    Credentials(PathBuf),
}

/// The section as it is written.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Section {
    #[serde(deserialize_with = "adapter")]
    adapter: AdapterName,
    #[serde(deserialize_with = "urls")]
    url: Vec<Url>,
    user: Option<String>,
    password: Option<Secret>,
    token: Option<Secret>,
    #[serde(deserialize_with = "file_of_keys")]
    nkey: Option<PathBuf>,
    #[serde(deserialize_with = "file_of_keys")]
    credentials: Option<PathBuf>,
    tls_ca: Option<PathBuf>,
    tls_cert: Option<PathBuf>,
    tls_key: Option<PathBuf>,
    #[serde(deserialize_with = "prefix")]
    prefix: String,
    node: Option<String>,
    #[serde(deserialize_with = "at_least_one")]
    queue_messages: usize,
    #[serde(deserialize_with = "at_least_one")]
    queue_bytes: usize,
    #[serde(deserialize_with = "interval")]
    ping_interval: u64,
}

impl Default for Section {
    fn default() -> Self {
        Self {
            adapter: AdapterName::Local,
            url: vec![Url(URL.to_owned())],
            user: None,
            password: None,
            token: None,
            nkey: None,
            credentials: None,
            tls_ca: None,
            tls_cert: None,
            tls_key: None,
            prefix: "nova".to_owned(),
            node: None,
            queue_messages: 8192,
            queue_bytes: 8 * 1024 * 1024,
            ping_interval: 2,
        }
    }
}

impl TryFrom<Section> for PubSubOptions {
    type Error = &'static str;

    fn try_from(section: Section) -> Result<Self, Self::Error> {
        let access = match (
            section.user,
            section.password,
            section.token,
            section.nkey,
            section.credentials,
        ) {
            (None, None, None, None, None) => Access::Open,
            (Some(user), Some(password), None, None, None) => Access::Password(user, password),
            (Some(_), None, None, None, None) => return Err("`user` needs `password`"),
            (None, Some(_), None, None, None) => return Err("`password` needs `user`"),
            (None, None, Some(token), None, None) => Access::Token(token),
            (None, None, None, Some(file), None) => Access::Nkey(file),
            (None, None, None, None, Some(file)) => Access::Credentials(file),
            _ => return Err("only one of `user` with `password`, `token`, `nkey` and `credentials` can be used"),
        };
        let tls_client = match (section.tls_cert, section.tls_key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (Some(_), None) => return Err("`tls_cert` needs `tls_key`"),
            (None, Some(_)) => return Err("`tls_key` needs `tls_cert`"),
        };
        Ok(Self {
            adapter: section.adapter,
            urls: section.url,
            access,
            tls_ca: section.tls_ca,
            tls_client,
            prefix: section.prefix,
            node: section.node,
            queue_messages: section.queue_messages,
            queue_bytes: section.queue_bytes,
            ping_interval: section.ping_interval,
        })
    }
}

/// The address of a broker. It may have a password in it, which is not shown.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Url(String);

impl Url {
    #[cfg(feature = "nats")]
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is of the form `nats://host:port` or `tls://host:port`, perhaps with `user:password@` or `token@`.
    fn is_valid(&self) -> bool {
        let Some((scheme, rest)) = self.0.split_once("://") else {
            return false;
        };
        let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
        ["nats", "tls"].contains(&scheme) && !host.trim_end_matches('/').is_empty() && is_address(host)
    }
}

fn is_address(host: &str) -> bool {
    let host = host.trim_end_matches('/');
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, port),
        _ => (host, "4222"),
    };
    let name_is_valid = !name.is_empty() && !name.contains(['/', '?', '#', ' ', '@']);
    name_is_valid && port.parse::<u16>().is_ok_and(|port| port > 0)
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, rest) = self.0.split_once("://").unwrap_or(("", &self.0));
        match rest.rsplit_once('@') {
            Some((_, host)) => write!(f, "{scheme}://***@{host}"),
            None => f.write_str(&self.0),
        }
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What is not shown.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Secret(String);

#[cfg(feature = "nats")]
impl Secret {
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // What was written instead of a text is not for the log either.
        let text = String::deserialize(deserializer).map_err(|_| D::Error::custom("expected a text"))?;
        Ok(Self(text))
    }
}

fn adapter<'de, D: Deserializer<'de>>(deserializer: D) -> Result<AdapterName, D::Error> {
    match String::deserialize(deserializer)?.as_str() {
        "local" => Ok(AdapterName::Local),
        #[cfg(feature = "nats")]
        "nats" => Ok(AdapterName::Nats),
        #[cfg(not(feature = "nats"))]
        "nats" => Err(D::Error::custom(
            "`nats` needs the feature `nats` of `nova-framework`: enable it in Cargo.toml",
        )),
        other => Err(D::Error::custom(format!(
            "unknown adapter `{other}`, expected `local` or `nats`"
        ))),
    }
}

/// One, or several in a list. In a variable they are separated by commas.
fn urls<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Url>, D::Error> {
    struct Urls;

    impl<'de> Visitor<'de> for Urls {
        type Value = Vec<Url>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an address as `nats://host:4222`, or a list of them")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
            text.split(',').map(|url| parse(url.trim())).collect()
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut urls = Vec::new();
            while let Some(url) = list.next_element::<String>()? {
                urls.push(parse(&url)?);
            }
            match urls.is_empty() {
                true => Err(A::Error::invalid_length(0, &self)),
                false => Ok(urls),
            }
        }
    }

    fn parse<E: de::Error>(text: &str) -> Result<Url, E> {
        let url = Url(text.to_owned());
        match url.is_valid() {
            true => Ok(url),
            false => Err(E::custom(format!(
                "`{url}` is no address, expected `nats://host:4222` or `tls://host:4222`"
            ))),
        }
    }

    deserializer.deserialize_any(Urls)
}

fn file_of_keys<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
    let file = Option::deserialize(deserializer)?;
    if file.is_some() && !cfg!(feature = "nats-nkeys") {
        return Err(D::Error::custom(
            "it needs the feature `nats-nkeys` of `nova-framework`: enable it in Cargo.toml",
        ));
    }
    Ok(file)
}

fn prefix<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let prefix = String::deserialize(deserializer)?;
    let is_valid = |token: &str| {
        let mut bytes = token.bytes();
        !token.is_empty() && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    if prefix.len() > 100 || !prefix.split('.').all(is_valid) {
        return Err(D::Error::custom(format!(
            "`{prefix}` is no prefix, expected words of letters, digits, `-` and `_` with dots between them"
        )));
    }
    Ok(prefix)
}

fn at_least_one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    match usize::deserialize(deserializer)? {
        0 => Err(D::Error::custom("expected at least 1")),
        number => Ok(number),
    }
}

fn interval<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    match u64::deserialize(deserializer)? {
        seconds @ 1..=3600 => Ok(seconds),
        seconds => Err(D::Error::custom(format!("{seconds} is not from 1 to 3600 seconds"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::environment::Environment;

    fn options(settings: &[(&str, &str)]) -> Result<PubSubOptions, String> {
        let variables = settings
            .iter()
            .map(|(key, value)| (format!("NOVA_PUBSUB_{}", key.to_uppercase()), (*value).to_owned()));
        let config = Config::read("/nowhere", Environment::TEST, variables).unwrap();
        config.section("pubsub").map_err(|error| error.to_string())
    }

    #[test]
    fn the_default_is_local() {
        let options = options(&[]).unwrap();
        assert_eq!((options.adapter, options.access), (AdapterName::Local, Access::Open));
        assert_eq!(options.urls, [Url(URL.to_owned())]);
    }

    #[test]
    fn addresses_are_checked_and_passwords_are_not_shown() {
        let urls = "nats://a:4222, tls://b, nats://u:p@[::1]:1, nats://secret@c/";
        let found = options(&[("url", urls)]).unwrap().urls;
        let shown: Vec<_> = found.iter().map(ToString::to_string).collect();
        let expected = ["nats://a:4222", "tls://b", "nats://***@[::1]:1", "nats://***@c/"];
        assert_eq!(shown, expected);
        for url in [
            "localhost",
            "http://a",
            "nats://",
            "nats://u:secret@",
            "nats://a:x",
            "nats://a:0",
            "nats://u:secret@a b",
        ] {
            let error = options(&[("url", url)]).unwrap_err();
            assert!(error.starts_with("NOVA_PUBSUB_URL: pubsub.url: `"), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let found = options(&[("user", "me"), ("password", "secret"), ("url", "nats://x:secret@h")]).unwrap();
        assert!(!format!("{found:?}").contains("secret"), "{found:?}");
    }

    #[test]
    fn what_does_not_go_together_is_an_error_that_names_it() {
        for (settings, named) in [
            (&[("user", "me")][..], "`user` needs `password`"),
            (&[("password", "x")], "`password` needs `user`"),
            (&[("tls_cert", "x")], "`tls_cert` needs `tls_key`"),
            (&[("tls_key", "x")], "`tls_key` needs `tls_cert`"),
            (&[("user", "a"), ("password", "b"), ("token", "c")], "only one of"),
            (&[("prefix", "a..b")], "pubsub.prefix: `a..b` is no prefix"),
            (&[("prefix", "a.*")], "is no prefix"),
            (&[("adapter", "redis")], "pubsub.adapter: unknown adapter `redis`"),
            (&[("queue_messages", "0")], "pubsub.queue_messages: expected at least 1"),
            (
                &[("ping_interval", "0")],
                "pubsub.ping_interval: 0 is not from 1 to 3600 seconds",
            ),
        ] {
            let error = options(settings).unwrap_err();
            assert!(error.contains(named), "{error}");
        }
    }

    #[cfg(not(feature = "nats"))]
    #[test]
    fn an_adapter_without_its_feature_says_what_to_enable() {
        let error = options(&[("adapter", "nats")]).unwrap_err();
        assert!(
            error.contains("needs the feature `nats` of `nova-framework`"),
            "{error}"
        );
    }

    #[cfg(not(feature = "nats-nkeys"))]
    #[test]
    fn a_file_of_keys_without_its_feature_says_what_to_enable() {
        let error = options(&[("credentials", "x.creds")]).unwrap_err();
        assert!(error.contains("needs the feature `nats-nkeys`"), "{error}");
    }
}
