//! What a request can extract from its application: `PubSub`, `Config` and `Environment`.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;

use crate::client::Proxies;
use crate::config::Config;
use crate::environment::Environment;
use crate::error::Error;
#[cfg(feature = "multipart")]
use crate::extract::UploadOptions;
use crate::lifecycle::Lifecycle;
use crate::pubsub::PubSub;

/// An extension of every request that a Nova route answers.
#[derive(Clone, Debug)]
pub(crate) struct Scope(pub(crate) Arc<Values>);

#[derive(Debug)]
pub(crate) struct Values {
    pub(crate) config: Config,
    pub(crate) pubsub: PubSub,
    pub(crate) lifecycle: Lifecycle,
    /// Whether connections are encrypted as they come.
    pub(crate) is_tls: bool,
    pub(crate) proxies: Proxies,
    #[cfg(feature = "multipart")]
    pub(crate) uploads: UploadOptions,
}

pub(crate) fn values(parts: &Parts) -> Result<&Values, Error> {
    let scope = parts.extensions.get::<Scope>();
    scope
        .map(|scope| &*scope.0)
        .ok_or_else(|| Error::new("this request did not come through a Nova route"))
}

impl<S: Send + Sync> FromRequestParts<S> for PubSub {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Error> {
        values(parts).map(|values| values.pubsub.clone())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Config {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Error> {
        values(parts).map(|values| values.config.clone())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Environment {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Error> {
        values(parts).map(|values| values.config.environment().clone())
    }
}
