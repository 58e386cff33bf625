//! Files below a root, which nothing leads out of: whole, in part, unchanged, and as they were compressed beforehand.

mod conditions;
mod range;

use std::ffi::OsString;
use std::fs::Metadata;
use std::ops::RangeInclusive;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, Method, Request, header};
use tower::ServiceExt as _;
use tower_http::services::ServeFile;

use crate::negotiate::Coding;

/// A file that may be sent.
#[derive(Debug)]
pub(crate) struct Found {
    path: PathBuf,
    /// How the content of `path` is coded, and the media type of what it codes.
    coded: Option<(Coding, &'static str)>,
    /// Whether another client would be sent another file.
    varies: bool,
    length: u64,
    modified: Option<SystemTime>,
}

/// Finds the regular file at `path` below `root`. `None` when there is none, or when the path leads out of the root: by
/// `..`, by an absolute path, or by a symbolic link.
///
/// With `codings`, those that the client takes, the best first, it may be a file beside that one with its content
/// compressed: `app.css.br` for `app.css`. One that is older than what it was made from is not used.
pub(crate) async fn locate(root: PathBuf, path: PathBuf, codings: Option<Vec<Coding>>) -> Option<Found> {
    // It fails only when the runtime shuts down.
    tokio::task::spawn_blocking(move || locate_now(&root, &path, codings.as_deref()))
        .await
        .ok()?
}

fn locate_now(root: &Path, path: &Path, codings: Option<&[Coding]>) -> Option<Found> {
    let is_plain = |component| matches!(component, Component::Normal(_) | Component::CurDir);
    if !path.components().all(is_plain) {
        return None;
    }
    let root = root.canonicalize().ok()?;
    let (file, metadata) = regular(&root.join(path), &root)?;
    let mut found = Found {
        path: file,
        coded: None,
        varies: false,
        length: metadata.len(),
        modified: metadata.modified().ok(),
    };
    let Some(codings) = codings else {
        return Some(found);
    };
    // Beside the name that was asked for, which may be a link to a file elsewhere in the root.
    let media_type = mime_guess::from_path(path)
        .first_raw()
        .unwrap_or("application/octet-stream");
    let mut beside = Vec::new();
    for coding in Coding::ALL {
        let mut name = OsString::from(root.join(path));
        name.push(".");
        name.push(coding.extension());
        if let Some((file, metadata)) = regular(Path::new(&name), &root)
            && metadata.modified().ok() >= found.modified
        {
            beside.push((coding, file, metadata));
        }
    }
    found.varies = !beside.is_empty();
    let place = |coding| codings.iter().position(|accepted| *accepted == coding);
    let best = beside
        .into_iter()
        .filter_map(|(coding, file, metadata)| Some((place(coding)?, coding, file, metadata)))
        .min_by_key(|(place, ..)| *place);
    if let Some((_, coding, file, metadata)) = best {
        found = Found {
            path: file,
            coded: Some((coding, media_type)),
            varies: true,
            length: metadata.len(),
            modified: metadata.modified().ok(),
        };
    }
    Some(found)
}

/// A regular file, where it is below the root whatever links lead to it.
fn regular(path: &Path, root: &Path) -> Option<(PathBuf, Metadata)> {
    let file = path.canonicalize().ok().filter(|file| file.starts_with(root))?;
    let metadata = file.metadata().ok().filter(Metadata::is_file)?;
    Some((file, metadata))
}

/// Streams a file, answering conditional and range requests (RFC 9110 §13 and §14), or the bytes `part` of it.
///
/// Several ranges in one request are answered with the whole file, which a server may (§14.2), and so is what is no range of
/// bytes. Conditions and ranges are those of GET, and conditions those of HEAD: another method's are about something else.
pub(crate) async fn send(
    found: &Found,
    method: &Method,
    headers: &HeaderMap,
    part: Option<RangeInclusive<u64>>,
) -> Response {
    let coding = found.coded.map(|(coding, _)| coding);
    let mut request = Request::new(Body::empty());
    if [Method::GET, Method::HEAD].contains(method) {
        *request.method_mut() = method.clone();
        *request.headers_mut() = conditions::of(headers, coding);
    }
    let range = match part {
        Some(part) => Some(format!("bytes={}-{}", part.start(), part.end())),
        None if *method == Method::GET && conditions::lets_range(found, headers, coding).await => {
            range::asked(headers, found.length)
        }
        None => None,
    };
    if let Some(range) = range.and_then(|range| HeaderValue::try_from(range).ok()) {
        request.headers_mut().insert(header::RANGE, range);
    }
    let Ok(response) = ServeFile::new(&found.path).oneshot(request).await;
    let mut response = response.map(Body::new).into_response();
    let has_content = response.headers().contains_key(header::CONTENT_TYPE);
    let headers = response.headers_mut();
    if let Some((coding, media_type)) = found.coded {
        if has_content {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
        }
        conditions::name_coding(headers, coding);
    }
    if found.varies {
        headers.append(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
    if let Some(content_type) = headers.get_mut(header::CONTENT_TYPE)
        && let Some(complete) = with_charset(content_type)
    {
        *content_type = complete;
    }
    response
}

/// Text that we serve is UTF-8; a browser would guess otherwise.
fn with_charset(content_type: &HeaderValue) -> Option<HeaderValue> {
    let text = content_type.to_str().ok()?;
    let is_text = text.starts_with("text/") && !text.contains(';');
    is_text.then(|| HeaderValue::try_from(format!("{text}; charset=utf-8")).ok())?
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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

        for codings in [None, Some(&Coding::ALL[..])] {
            assert!(locate_now(&root, Path::new("sub/file.txt"), codings).is_some());
            assert!(locate_now(&root, Path::new("./sub/file.txt"), codings).is_some());
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
                assert!(locate_now(&root, Path::new(path), codings).is_none(), "{path:?}");
            }
        }
    }

    #[test]
    fn what_was_compressed_before_the_last_change_is_not_used() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        for name in ["a.css", "a.css.br", "a.css.gz"] {
            std::fs::write(root.join(name), name).unwrap();
        }
        let age = |name: &str, seconds| {
            let file = std::fs::File::options().append(true).open(root.join(name)).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(seconds))
                .unwrap();
        };
        let found = || locate_now(root, Path::new("a.css"), Some(&[Coding::Brotli, Coding::Gzip])).unwrap();
        let coding = |found: &Found| found.coded.map(|(coding, _)| coding);
        age("a.css", 50);
        age("a.css.br", 60);
        age("a.css.gz", 50);
        assert_eq!(coding(&found()), Some(Coding::Gzip), "of the same age");
        age("a.css.gz", 60);
        assert_eq!((coding(&found()), found().varies), (None, false));
        age("a.css.br", 40);
        assert_eq!((coding(&found()), found().varies), (Some(Coding::Brotli), true));
        let other = locate_now(root, Path::new("a.css"), Some(&[Coding::Zstd])).unwrap();
        assert_eq!((coding(&other), other.varies), (None, true));
    }
}
