//! What stands in for TLS where it is not built in: nothing of it can be configured.

use std::future::Ready;
use std::io;
use std::path::Path;

use serde::{Deserialize, Deserializer, de};

use crate::config::ConfigError;
use crate::transport::{Duplex, Transport};

/// The section `[server.tls]`, which is refused.
#[derive(Clone, Debug)]
pub(crate) enum TlsOptions {}

impl<'de> Deserialize<'de> for TlsOptions {
    fn deserialize<D: Deserializer<'de>>(_deserializer: D) -> Result<Self, D::Error> {
        Err(de::Error::custom(
            "this program is built without TLS: enable the feature `tls` of nova-framework",
        ))
    }
}

#[derive(Clone)]
pub(crate) enum Tls {}

impl Tls {
    pub(crate) fn load(options: &TlsOptions, _root: &Path) -> Result<Self, ConfigError> {
        match *options {}
    }

    pub(crate) fn accept(&self, _transport: Transport) -> Ready<io::Result<Box<dyn Duplex>>> {
        match *self {}
    }

    pub(crate) fn keep_up(self) -> Ready<()> {
        match self {}
    }
}
