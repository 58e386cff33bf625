//! What a client has of a file already (RFC 9110 §13).
//!
//! The tag of a file in a coding is that of its compressed file, with the name of the coding in it. Two files of the same
//! length that were written by the same build would have the same tag otherwise.

use std::time::{Duration, SystemTime};

use axum::body::Body;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header};
use tower::ServiceExt as _;
use tower_http::services::ServeFile;

use super::Found;
use crate::negotiate::Coding;

/// The conditions of a request, as they are for the file itself.
pub(super) fn of(headers: &HeaderMap, coding: Option<Coding>) -> HeaderMap {
    let mut conditions = HeaderMap::new();
    for name in [header::IF_MATCH, header::IF_NONE_MATCH] {
        // Lists, which may come in several lines.
        let lines = headers.get_all(&name).iter().filter_map(|line| line.to_str().ok());
        let tags: Vec<_> = lines.flat_map(|line| tags(line, coding)).collect();
        if headers.contains_key(&name)
            && let Ok(value) = HeaderValue::try_from(tags.join(", "))
        {
            conditions.insert(name, value);
        }
    }
    for name in [header::IF_MODIFIED_SINCE, header::IF_UNMODIFIED_SINCE] {
        if let Some(value) = headers.get(&name) {
            conditions.insert(name, value.clone());
        }
    }
    conditions
}

/// Whether `If-Range` lets a range be sent: a part of what the file is now does not fit what the client has of what it was
/// (RFC 9110 §13.1.5).
pub(super) async fn lets_range(found: &Found, headers: &HeaderMap, coding: Option<Coding>) -> bool {
    let Some(condition) = headers.get(header::IF_RANGE) else {
        return true;
    };
    let Ok(condition) = condition.to_str() else {
        return false;
    };
    if !headers.contains_key(header::RANGE) {
        return true;
    }
    let mut request = Request::new(Body::empty());
    *request.method_mut() = Method::HEAD;
    let Ok(response) = ServeFile::new(&found.path).oneshot(request).await;
    let has = |name: HeaderName, text: &str| response.headers().get(name).is_some_and(|value| value == text);
    match condition.contains('"') {
        // A weak tag is never equal here, and is not what a file has.
        true => tags(condition, coding)
            .next()
            .is_some_and(|tag| has(header::ETAG, &tag)),
        false => has(header::LAST_MODIFIED, condition) && is_settled(found.modified),
    }
}

/// Whether a date says which content it is of. Within its own second a file can change again (RFC 9110 §8.8.2.2).
fn is_settled(modified: Option<SystemTime>) -> bool {
    let age = modified.and_then(|modified| modified.elapsed().ok());
    age.is_some_and(|age| age > Duration::from_secs(1))
}

/// The tags of a list, as they are for the file itself. In a coding, those of others are left out.
fn tags(list: &str, coding: Option<Coding>) -> impl Iterator<Item = String> {
    // Ours have no comma in them. One that has is another's, and no part of it is ours.
    list.split(',')
        .map(str::trim)
        .filter(|tag| !tag.is_empty())
        .map(move |tag| match coding {
            Some(_) if tag == "*" => tag.to_owned(),
            None => tag.to_owned(),
            Some(coding) => match tag
                .strip_suffix('"')
                .and_then(|tag| tag.strip_suffix(coding.extension()))
            {
                Some(tag) if tag.ends_with('-') => format!("{}\"", tag.trim_end_matches('-')),
                _ => "\"of another coding\"".to_owned(),
            },
        })
}

/// Names the coding in the tag of a response.
pub(super) fn name_coding(headers: &mut HeaderMap, coding: Coding) {
    let named = headers.get(header::ETAG).and_then(|tag| {
        let tag = tag.to_str().ok()?.strip_suffix('"')?;
        HeaderValue::try_from(format!("{tag}-{}\"", coding.extension())).ok()
    });
    if let Some(named) = named {
        headers.insert(header::ETAG, named);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tags_of_other_codings_are_others() {
        let of = |list, coding| tags(list, coding).collect::<Vec<_>>();
        assert_eq!(of(r#""a-1", W/"b-2""#, None), [r#""a-1""#, r#"W/"b-2""#]);
        let other = r#""of another coding""#;
        assert_eq!(
            of(r#""a-1", W/"a-1-br" ,"a-1-gz","a-1br","#, Some(Coding::Brotli)),
            [other, r#"W/"a-1""#, other, other]
        );
        assert_eq!(of("*", Some(Coding::Gzip)), ["*"]);
    }
}
