//! Files below a root, which nothing leads out of.

use std::path::{Component, Path, PathBuf};

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, Method, Request, header};
use tower::ServiceExt as _;
use tower_http::services::ServeFile;

/// Finds the regular file at `path` below `root`. `None` when there is none, or when the path leads out of the root: by
/// `..`, by an absolute path, or by a symbolic link.
pub(crate) async fn locate(root: PathBuf, path: PathBuf) -> Option<PathBuf> {
    // It fails only when the runtime shuts down.
    tokio::task::spawn_blocking(move || locate_now(&root, &path))
        .await
        .ok()?
}

fn locate_now(root: &Path, path: &Path) -> Option<PathBuf> {
    let is_plain = |component| matches!(component, Component::Normal(_) | Component::CurDir);
    if !path.components().all(is_plain) {
        return None;
    }
    let root = root.canonicalize().ok()?;
    let file = root.join(path).canonicalize().ok()?;
    (file.starts_with(&root) && file.is_file()).then_some(file)
}

/// Streams a file, answering conditional and range requests (RFC 9110 §13 and §14).
pub(crate) async fn send(file: &Path, method: &Method, headers: &HeaderMap) -> Response {
    let mut request = Request::new(Body::empty());
    *request.method_mut() = if *method == Method::HEAD {
        Method::HEAD
    } else {
        Method::GET
    };
    for name in [
        header::RANGE,
        header::IF_MATCH,
        header::IF_NONE_MATCH,
        header::IF_MODIFIED_SINCE,
        header::IF_UNMODIFIED_SINCE,
    ] {
        if let Some(value) = headers.get(&name) {
            request.headers_mut().insert(name, value.clone());
        }
    }
    if let Some(condition) = headers.get(header::IF_RANGE)
        && headers.contains_key(header::RANGE)
        && !is_unchanged(file, condition).await
    {
        // A part of what the file is now does not fit what the client has of what it was (RFC 9110 §13.1.5).
        request.headers_mut().remove(header::RANGE);
    }
    let Ok(response) = ServeFile::new(file).oneshot(request).await;
    let mut response = response.map(Body::new).into_response();
    let content_type = response.headers_mut().get_mut(header::CONTENT_TYPE);
    if let Some(content_type) = content_type
        && let Some(complete) = with_charset(content_type)
    {
        *content_type = complete;
    }
    response
}

/// Whether the file still has this tag, or this date of its last change.
async fn is_unchanged(file: &Path, condition: &HeaderValue) -> bool {
    let mut request = Request::new(Body::empty());
    *request.method_mut() = Method::HEAD;
    let Ok(response) = ServeFile::new(file).oneshot(request).await;
    let has = |name| response.headers().get(name) == Some(condition);
    has(header::ETAG) || has(header::LAST_MODIFIED)
}

/// Text that we serve is UTF-8; a browser would guess otherwise.
fn with_charset(content_type: &HeaderValue) -> Option<HeaderValue> {
    let text = content_type.to_str().ok()?;
    let is_text = text.starts_with("text/") && !text.contains(';');
    is_text.then(|| HeaderValue::try_from(format!("{text}; charset=utf-8")).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leads_out_of_the_root() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("root");
        std::fs::create_dir_all(root.join("sub")).unwrap();
        std::fs::write(root.join("sub/file.txt"), "in").unwrap();
        std::fs::write(directory.path().join("secret"), "out").unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(directory.path().join("secret"), root.join("link")).unwrap();

        assert!(locate_now(&root, Path::new("sub/file.txt")).is_some());
        assert!(locate_now(&root, Path::new("./sub/file.txt")).is_some());
        let secret = directory.path().join("secret");
        for path in [
            "../secret",
            "sub/../../secret",
            "sub/../sub/file.txt",
            secret.to_str().unwrap(),
            "link",
            "sub",
            "missing",
            "",
            "sub/file.txt\0",
        ] {
            assert_eq!(locate_now(&root, Path::new(path)), None, "{path:?}");
        }
    }
}
