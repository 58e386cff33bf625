//! A controller for those who ask whether to send requests here.

use axum::extract::FromRequestParts;
use http::StatusCode;
use http::request::Parts;
use serde_json::json;

use crate::error::Error;
use crate::pubsub::Link;
use crate::reply::Reply;
use crate::scope;

/// How the application is. An extractor, for a controller that says it in its own way: [`health`] is one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Health {
    /// Whether requests should be sent here; not when the application is at its end, and finishes what it has begun, nor for
    /// the `server.shutdown_delay` before that.
    pub is_serving: bool,
    /// How the link to other nodes stands; `None` where pub/sub is for one node.
    pub link: Option<Link>,
}

/// Answers 200 while requests are served, and 503 when the application is at its end, or is about to be
/// (`server.shutdown_delay`). The body says which, and whether the
/// other nodes can be reached: an application whose link is down serves its own clients as before.
///
/// ```json
/// {"status":"serving","cluster":"down"}
/// ```
///
/// `status` is `serving` or `draining`; `cluster` is `up`, `down`, or `none` where pub/sub is for one node. There is no
/// such route unless the application has one, and where it is may be secured like any other:
///
/// ```
/// # use nova::prelude::*;
/// let routes: Routes = Routes::new().group(Group::new("/").get("/health", nova::health));
/// # nova::testing::run(async {
/// # let health = nova::testing::app(|| Routes::new().group(Group::new("/").get("/health", nova::health))).get("/health").await;
/// # assert_eq!(health.text(), r#"{"cluster":"none","status":"serving"}"#);
/// # });
/// ```
pub async fn health(health: Health) -> Reply {
    let cluster = match &health.link {
        None => "none",
        Some(link) if link.is_up => "up",
        Some(_) => "down",
    };
    let (status, text) = match health.is_serving {
        true => (StatusCode::OK, "serving"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
    };
    Reply::json(json!({ "status": text, "cluster": cluster }))
        .with_status(status)
        .with_header("cache-control", "no-store")
}

impl<S: Send + Sync> FromRequestParts<S> for Health {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Error> {
        let values = scope::values(parts)?;
        Ok(Self {
            is_serving: !values.lifecycle.is_leaving(),
            link: values.pubsub.link(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use crate::{Group, Routes};

    #[test]
    fn an_application_at_its_end_wants_no_more_requests() {
        async fn at_its_end() -> Reply {
            let health = Health {
                is_serving: false,
                link: None,
            };
            super::health(health).await
        }
        testing::run(async {
            let app = testing::app(|| Routes::new().group(Group::new("/").get("/", at_its_end)));
            let response = app.get("/").await;
            assert_eq!(response.status(), 503);
            assert_eq!(response.text(), r#"{"cluster":"none","status":"draining"}"#);
        });
    }
}
