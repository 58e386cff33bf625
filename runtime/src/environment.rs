//! The environment that an application runs in: `dev`, `test`, `prod`, or any name.

use std::borrow::Cow;
use std::fmt;

/// The name of the environment.
///
/// `NOVA_ENV` chooses it. Where that is not set it is `dev` in a debug build and `prod` in a release build, so that what
/// only developers may see is never served by accident.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Environment(Cow<'static, str>);

impl Environment {
    /// Development: pages that show errors, templates read again when they change.
    pub const DEV: Self = Self(Cow::Borrowed("dev"));
    /// Tests.
    pub const TEST: Self = Self(Cow::Borrowed("test"));
    /// Production.
    pub const PROD: Self = Self(Cow::Borrowed("prod"));

    /// The environment of this name.
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Self(name.into())
    }

    /// What `NOVA_ENV` says, or what the build profile implies.
    pub fn current() -> Self {
        match std::env::var("NOVA_ENV") {
            Ok(name) if !name.is_empty() => Self::new(name),
            _ if cfg!(debug_assertions) => Self::DEV,
            _ => Self::PROD,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0
    }

    /// Whether this is development.
    pub fn is_dev(&self) -> bool {
        *self == Self::DEV
    }

    /// Whether this is production.
    pub fn is_prod(&self) -> bool {
        *self == Self::PROD
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
