//! Which value of a JSON text an offset is at, as a JSON pointer (RFC 6901).

use std::ops::Range;

/// How long a pointer may be, in bytes: a longer one ends at a value around the one that is meant.
const MAX_LENGTH: usize = 500;

/// `serde_json` reads no deeper than this into a type. Deeper is only what it skips, and nothing is wrong in there.
const MAX_DEPTH: usize = 128;

/// What the offset is inside of.
enum Level {
    /// With the key that was last read, quotes included, and whether the value is next.
    Object { key: Option<Range<usize>>, is_value: bool },
    /// With the index of the element.
    Array(usize),
}

/// The offset of a place as `serde_json` tells it: a line from 1, and how many bytes of it come before. A line 0 is none.
pub(super) fn offset(text: &[u8], line: usize, column: usize) -> usize {
    let Some(before) = line.checked_sub(1) else { return 0 };
    let lines = text.split_inclusive(|&byte| byte == b'\n').take(before);
    let start: usize = lines.map(<[u8]>::len).sum();
    text.len().min(start + column)
}

/// The pointer to the value that the offset is in, or right behind. The text must be JSON up to there.
pub(super) fn at(text: &[u8], offset: usize) -> String {
    let text = &text[..offset];
    let mut levels = Vec::new();
    let mut too_deep = 0_usize;
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        let start = at;
        at += 1;
        match byte {
            b'"' => {
                at = end_of_string(text, at);
                if too_deep == 0
                    && let Some(Level::Object { key, is_value: false }) = levels.last_mut()
                {
                    *key = Some(start..at);
                }
            }
            b'{' | b'[' if too_deep > 0 || levels.len() == MAX_DEPTH => too_deep += 1,
            b'}' | b']' if too_deep > 0 => too_deep -= 1,
            b'{' => levels.push(Level::Object {
                key: None,
                is_value: false,
            }),
            b'[' => levels.push(Level::Array(0)),
            b'}' | b']' => {
                levels.pop();
            }
            b':' | b',' if too_deep == 0 => match levels.last_mut() {
                Some(Level::Object { is_value, .. }) if byte == b':' => *is_value = true,
                Some(Level::Object { key, is_value }) => (*key, *is_value) = (None, false),
                Some(Level::Array(index)) => *index += 1,
                None => {}
            },
            _ => {}
        }
    }
    pointer(text, &levels)
}

/// Behind the closing quote of a string, from behind the opening one.
fn end_of_string(text: &[u8], mut at: usize) -> usize {
    while let Some(&byte) = text.get(at) {
        at += 1;
        match byte {
            b'"' => break,
            b'\\' => at += 1,
            _ => {}
        }
    }
    at.min(text.len())
}

fn pointer(text: &[u8], levels: &[Level]) -> String {
    let mut pointer = String::new();
    for level in levels {
        let fits = match level {
            Level::Array(index) => push(&mut pointer, &index.to_string()),
            Level::Object { key: Some(key), .. } => match serde_json::from_slice::<String>(&text[key.clone()]) {
                Ok(key) => push(&mut pointer, &key),
                Err(_) => false,
            },
            Level::Object { key: None, .. } => false,
        };
        if !fits {
            break;
        }
    }
    pointer
}

/// Goes on to a member or element, and says whether there was room.
pub(super) fn push(pointer: &mut String, token: &str) -> bool {
    let fits = pointer.len() + token.len() < MAX_LENGTH;
    if fits {
        pointer.push('/');
        pointer.push_str(&token.replace('~', "~0").replace('/', "~1"));
    }
    fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_skipped_may_be_deep() {
        let deep = format!("{}{}", "[".repeat(300), "]".repeat(300));
        let text = format!(r#"[{{"a": {deep}, "b,": 1"#);
        assert_eq!(at(text.as_bytes(), text.len()), "/0/b,");
        let inside = text.len() - 310;
        assert!(at(text.as_bytes(), inside).starts_with("/0/a/0/0/0"));
    }

    #[test]
    fn a_line_and_a_column_are_an_offset() {
        assert_eq!(offset(b"ab\nc\n\nd", 1, 2), 2);
        assert_eq!(offset(b"ab\nc\n\nd", 2, 1), 4);
        assert_eq!(offset(b"ab\nc\n\nd", 4, 1), 7);
        assert_eq!(offset(b"ab", 0, 0), 0);
        assert_eq!(offset(b"ab", 9, 9), 2);
    }
}
