//! The handlers of the built-in kinds.

use std::path::{Path, PathBuf};

use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use super::{Handling, Registry, Replying, RequestContext};
use crate::csrf::CsrfToken;
use crate::error::Error;
use crate::files;
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
            let content_type = HeaderValue::from_static("application/json");
            (status, [(header::CONTENT_TYPE, content_type)], body).into_response()
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

async fn sendfile(root: PathBuf, file: SendFile, method: Method, mut headers: HeaderMap) -> Response {
    let Some(path) = files::locate(root, file.path).await else {
        return Reply::status(StatusCode::NOT_FOUND).into_response();
    };
    if let Some(range) = file.range {
        let range = format!("bytes={}-{}", range.start(), range.end());
        if let Ok(range) = HeaderValue::try_from(range) {
            headers.insert(header::RANGE, range);
            headers.remove(header::IF_RANGE);
        }
    }
    let mut response = files::send(&path, &method, &headers).await;
    if let Some(mime) = file.mime {
        match HeaderValue::try_from(&mime) {
            Ok(mime) => {
                response.headers_mut().insert(header::CONTENT_TYPE, mime);
            }
            Err(_) => return Error::new(format!("{mime:?} is no media type")).into_response(),
        }
    }
    response
}
