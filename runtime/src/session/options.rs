//! How sessions are to be: the section `[session]`.

use std::fmt;
use std::time::Duration;

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::cookie;
use super::id::Keys;
use crate::environment::Environment;
use crate::error::Error;

const DAY: u64 = 24 * 60 * 60;

/// The section `[session]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SessionOptions {
    /// The cookie's name.
    cookie: String,
    /// One, or several: the first signs, and all verify.
    #[serde(deserialize_with = "keys")]
    key: Option<Vec<String>>,
    /// Whether browsers send the cookie over TLS alone; where it does not say, so in `prod`.
    secure: Option<bool>,
    /// In seconds.
    idle_timeout: u64,
    /// In seconds.
    max_age: u64,
    /// In bytes.
    max_size: usize,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self {
            cookie: "session".to_owned(),
            key: None,
            secure: None,
            idle_timeout: 14 * DAY,
            max_age: 90 * DAY,
            max_size: 16 * 1024,
        }
    }
}

/// One, or a list. In a variable they are separated by commas.
fn keys<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    struct Keys;

    impl<'de> Visitor<'de> for Keys {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a key, or a list of them")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Vec<String>, E> {
            Ok(text.split(',').map(|key| key.trim().to_owned()).collect())
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<String>, A::Error> {
            let mut keys = Vec::new();
            // What was written instead of a text may be a secret.
            while let Some(key) = list
                .next_element::<String>()
                .map_err(|_| de::Error::custom("expected texts"))?
            {
                keys.push(key);
            }
            Ok(keys)
        }
    }

    deserializer.deserialize_any(Keys).map(Some)
}

/// The options, checked for one environment.
pub(super) struct Terms {
    pub(super) cookie: String,
    pub(super) keys: Keys,
    pub(super) secure: bool,
    pub(super) idle_timeout: u64,
    pub(super) max_age: u64,
    pub(super) max_size: usize,
}

impl SessionOptions {
    /// How long a session can be there that is not used.
    #[cfg(feature = "nats-sessions")]
    pub(super) fn longest_life(&self) -> Duration {
        Duration::from_secs(self.idle_timeout.min(self.max_age))
    }

    pub(super) fn terms(self, environment: &Environment) -> crate::Result<Terms> {
        if !cookie::is_name(&self.cookie) {
            return Err(Error::new(format!(
                "session.cookie: {:?} is no name for a cookie",
                self.cookie
            )));
        }
        if self.idle_timeout == 0 || self.max_age == 0 {
            return Err(Error::new(
                "session.idle_timeout and session.max_age must be at least 1 second",
            ));
        }
        let keys = match &self.key {
            Some(secrets) => Keys::of(secrets)?,
            None if environment.is_dev() || *environment == Environment::TEST => Keys::by_lot()?,
            None => {
                return Err(Error::new(format!(
                    "sessions need a secret in the environment `{environment}`: set the variable NOVA_SESSION_KEY to \
                     what `openssl rand -hex 32` prints, the same on every node"
                )));
            }
        };
        Ok(Terms {
            cookie: self.cookie,
            keys,
            secure: self.secure.unwrap_or(environment.is_prod()),
            idle_timeout: self.idle_timeout,
            max_age: self.max_age,
            max_size: self.max_size,
        })
    }
}

impl Terms {
    /// How long a session of this age is kept from now, unless it is used again. `None` when it has come to its end.
    pub(super) fn lifetime(&self, created: u64, now: u64) -> Option<Duration> {
        let left = self.max_age.saturating_sub(now.saturating_sub(created));
        (left > 0).then(|| Duration::from_secs(left.min(self.idle_timeout)))
    }

    /// Whether one that is only read is to be saved, so that it does not expire: not at every request.
    pub(super) fn is_to_be_renewed(&self, saved: u64, now: u64) -> bool {
        now.saturating_sub(saved) > self.idle_timeout / 16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ends_when_it_is_not_used_and_when_it_is_old() {
        let options = SessionOptions {
            idle_timeout: 100,
            max_age: 1000,
            ..SessionOptions::default()
        };
        let terms = options.terms(&Environment::TEST).unwrap();
        let seconds = |created, now| terms.lifetime(created, now).map(|lifetime| lifetime.as_secs());
        assert_eq!(seconds(0, 0), Some(100));
        assert_eq!(seconds(0, 950), Some(50));
        assert_eq!(seconds(0, 1000), None);
        assert_eq!(seconds(0, 5000), None);
        // The clock was set back.
        assert_eq!(seconds(500, 0), Some(100));
        assert!(!terms.is_to_be_renewed(10, 16) && terms.is_to_be_renewed(10, 17));
    }
}
