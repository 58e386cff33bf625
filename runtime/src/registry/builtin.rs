//! The handlers of the built-in kinds.

use std::path::{Path, PathBuf};

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use super::{Handling, Registry, Replying, RequestContext};
use crate::csrf::CsrfToken;
use crate::error::Error;
use crate::files;
use crate::negotiate::codings;
use crate::reply::kind::{self, Bare, Data, Redirect, View};
use crate::reply::{Reply, SendFile};
use crate::session::Session;
use crate::view::{self, Given, Uses, ViewError, Views};

/// A registry with the built-in kinds, for an application whose project is at `root`.
pub(crate) fn registry(views: &Views, root: &Path) -> Registry {
    let mut registry = Registry::new();
    registry.set(kind::JSON, |reply, context| Handling::Done(json(&reply, context)));
    registry.set(kind::STATUS, |_: Replying<Bare>, _| {
        Handling::Done(StatusCode::OK.into_response())
    });
    registry.set(kind::REDIRECT, |reply, _| Handling::Done(redirect(&reply)));
    for kind in [kind::VIEW, kind::OK] {
        let views = views.clone();
        registry.set(kind, move |reply: Replying<View>, context| {
            let (views, controller, session) = (views.clone(), context.controller, context.session.clone());
            Handling::Pending(Box::pin(async move {
                let rendered = render(&views, controller, session, reply.payload);
                rendered.await.into_response()
            }))
        });
    }
    let root = root.to_path_buf();
    registry.set(kind::SENDFILE, move |reply: Replying<SendFile>, context| {
        let root = root.join(&reply.payload.root);
        let (method, headers) = (context.method.clone(), context.headers.clone());
        Handling::Pending(Box::pin(sendfile(root, reply.payload, method, headers)))
    });
    registry
}

fn json(reply: &Replying<Data>, context: &RequestContext) -> Response {
    match reply.payload.to_vec() {
        Ok(body) => {
            let status = match context.method {
                Method::POST => StatusCode::CREATED,
                _ => StatusCode::OK,
            };
            let mut response = Response::new(Body::from(body));
            *response.status_mut() = status;
            let content_type = HeaderValue::from_static("application/json");
            response.headers_mut().insert(header::CONTENT_TYPE, content_type);
            response
        }
        Err(error) => Error::from(error).into_response(),
    }
}

fn redirect(reply: &Replying<Redirect>) -> Response {
    let location = &reply.payload.location;
    let is_redirection = reply.status.is_none_or(|status| status.is_redirection());
    match HeaderValue::try_from(location) {
        Ok(location) if is_redirection => (StatusCode::FOUND, [(header::LOCATION, location)]).into_response(),
        Ok(_) => Error::new("a redirection has a status from 300 to 399").into_response(),
        Err(_) => Error::new(format!("{location:?} is no location to redirect to")).into_response(),
    }
}

async fn render(
    views: &Views,
    controller: Option<&str>,
    session: Option<Session>,
    payload: View,
) -> Result<Response, Error> {
    let name = match payload.name {
        Some(name) => name.into_owned(),
        None => view::default_name(controller)?,
    };
    let variables = payload.variables.to_value().map_err(ViewError::Variables)?;
    views.prepare().await;
    let uses = views.uses(&name);
    let given = match uses.is_nothing() {
        true => Given::default(),
        false => given(uses, session).await?,
    };
    let html = views.render(&name, variables, given)?;
    let content_type = HeaderValue::from_static("text/html; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, content_type)], html).into_response())
}

/// What a view uses of the session, which is loaded for it.
async fn given(uses: Uses, session: Option<Session>) -> Result<Given, Error> {
    let session = session.ok_or(ViewError::NoSessions)?;
    session.load().await?;
    let token = uses.csrf_token.then(|| CsrfToken::of(session.clone())).transpose()?;
    let flashes = uses.flashes.then(|| serde_json::to_value(session.flashes()));
    Ok(Given {
        csrf_token: token.map(|token| token.to_string()),
        flashes: flashes.transpose()?,
    })
}

async fn sendfile(root: PathBuf, file: SendFile, method: Method, headers: HeaderMap) -> Response {
    // A part is one of the file itself.
    let is_coded = file.precompressed && file.range.is_none();
    let codings = is_coded.then(|| codings(&headers));
    let Some(found) = files::locate(root, file.path, codings).await else {
        return Reply::status(StatusCode::NOT_FOUND).into_response();
    };
    let mut response = files::send(&found, &method, &headers, file.range).await;
    if let Some(mime) = file.mime {
        match HeaderValue::try_from(&mime) {
            // An answer without the file, as 304 or 416, is of no type.
            Ok(mime) => {
                if let Some(content_type) = response.headers_mut().get_mut(header::CONTENT_TYPE) {
                    *content_type = mime;
                }
            }
            Err(_) => return Error::new(format!("{mime:?} is no media type")).into_response(),
        }
    }
    response
}
