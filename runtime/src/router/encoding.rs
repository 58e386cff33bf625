//! Paths in which the same is written in one way, so that what is compared byte by byte is equal when it means the same
//! (RFC 3986 §6.2.2).

use std::borrow::Cow;

use http::Uri;

use super::slashes::with_path;

/// A declared path as it comes in a request: what can't stand in a URL is percent-encoded.
pub(super) fn declared(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    for byte in path.bytes() {
        // Braces are of the pattern.
        if byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'|' | b'?' | b'#') {
            encoded.push(char::from(byte));
        } else {
            push_encoded(&mut encoded, byte);
        }
    }
    match normalised(&encoded) {
        Cow::Owned(normal) => normal,
        Cow::Borrowed(_) => encoded,
    }
}

/// The target of a request with its path in the normal form, where it is in another.
pub(super) fn normal(uri: &Uri) -> Option<Uri> {
    match normalised(uri.path()) {
        Cow::Borrowed(_) => None,
        Cow::Owned(path) => with_path(uri, &path),
    }
}

/// Decodes what needs no encoding (letters, digits, `-._~`), and writes the rest in capitals: `%61%c3` is `a%C3`. What is
/// encoded and has a meaning when it is not, as a slash has, stays so.
fn normalised(path: &str) -> Cow<'_, str> {
    if !path.contains('%') {
        return Cow::Borrowed(path);
    }
    let mut normal = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('%') {
        normal.push_str(before);
        let digits = after
            .get(..2)
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        if let Some(byte) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                normal.push(char::from(byte));
            } else {
                push_encoded(&mut normal, byte);
            }
            rest = &after[2..];
        } else {
            normal.push('%');
            rest = after;
        }
    }
    normal.push_str(rest);
    match normal == path {
        true => Cow::Borrowed(path),
        false => Cow::Owned(normal),
    }
}

fn push_encoded(text: &mut String, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    text.push('%');
    text.push(char::from(DIGITS[usize::from(byte >> 4)]));
    text.push(char::from(DIGITS[usize::from(byte & 15)]));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_the_same_is_written_the_same() {
        for (path, normal) in [
            ("/a", "/a"),
            ("/%61b%7E", "/ab~"),
            ("/gr%c3%bc%C3%9Fe", "/gr%C3%BC%C3%9Fe"),
            ("/a%2fb%2F", "/a%2Fb%2F"),
            ("/100%", "/100%"),
            ("/%zz%4", "/%zz%4"),
            ("/%25%36%31", "/%2561"),
        ] {
            assert_eq!(normalised(path), normal, "{path}");
            assert_eq!(normalised(normal), normal, "{normal}");
        }
    }

    #[test]
    fn a_declared_path_is_as_a_request_has_it() {
        assert_eq!(declared("/grüße/{name}"), "/gr%C3%BC%C3%9Fe/{name}");
        assert_eq!(declared("/a b/{*rest}"), "/a%20b/{*rest}");
        assert_eq!(declared("/%7euser"), "/~user");
        assert_eq!(declared("/users/@me"), "/users/@me");
    }
}
