//! What serde says of a value, as it is said to a client: without the value, without names of types, and short.

/// How long what is told may be, in bytes.
const MAX_LENGTH: usize = 200;

/// What serde says of values that a type finds wrong itself, as standard types do of text, and what it expected.
const PLAIN: [(&str, &str); 7] = [
    ("invalid digit found in string", "expected an integer"),
    ("cannot parse integer from empty string", "expected an integer"),
    ("invalid float literal", "expected a number"),
    ("cannot parse float from empty string", "expected a number"),
    (
        "provided string was not `true` or `false`",
        "expected `true` or `false`",
    ),
    ("number too large to fit in target type", "the number is too large"),
    ("number too small to fit in target type", "the number is too small"),
];

/// An error's words, without the line and the column.
pub(super) fn without_place(error: &serde_json::Error) -> String {
    let mut said = error.to_string();
    if error.line() > 0 {
        let place = format!(" at line {} column {}", error.line(), error.column());
        if let Some(words) = said.strip_suffix(&place) {
            said.truncate(words.len());
        }
    }
    said
}

/// The field that is missing, when that is what is wrong.
pub(super) fn missing(said: &str) -> Option<&str> {
    said.strip_prefix("missing field `")?.strip_suffix('`')
}

/// For the client.
pub(super) fn for_client(said: &str) -> String {
    if let Some((_, plain)) = PLAIN.iter().find(|(words, _)| *words == said) {
        return (*plain).to_owned();
    }
    if said.starts_with("data did not match any variant of untagged enum") {
        return "none of the expected forms".to_owned();
    }
    let mut told = match said.rsplit_once(", expected ") {
        Some((found, expected)) => format!("{}, expected {}", without_text(found), without_type(expected)),
        None => said.to_owned(),
    };
    if told.len() > MAX_LENGTH {
        told.truncate(told.floor_char_boundary(MAX_LENGTH));
        told.push('…');
    }
    told
}

/// What was found, in JSON's words. A text may be long, or a secret: it is not repeated.
fn without_text(found: &str) -> String {
    for invalid in ["invalid type: ", "invalid value: "] {
        if let Some(found) = found.strip_prefix(invalid) {
            let found = match found {
                "map" => "object",
                "sequence" => "array",
                text if text.starts_with("string \"") => "string",
                other => other,
            };
            return format!("{invalid}{found}");
        }
    }
    found.to_owned()
}

/// What was expected. The name of a type is the application's own.
fn without_type(expected: &str) -> &str {
    let begins = |words: &[&str]| words.iter().any(|word| expected.starts_with(word));
    if begins(&[
        "struct ",
        "struct variant ",
        "internally tagged enum ",
        "adjacently tagged enum ",
    ]) || expected == "a map"
    {
        "an object"
    } else if begins(&["tuple variant ", "tuple struct ", "a tuple of size "]) || expected == "a sequence" {
        "an array"
    } else if begins(&["enum ", "variant of enum "]) {
        "the name of a variant"
    } else if begins(&["unit struct ", "unit variant "]) {
        "null"
    } else {
        expected
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_texts_nor_types_are_told() {
        let cases = [
            (
                "invalid type: string \"s, expected x\", expected u8",
                "invalid type: string, expected u8",
            ),
            (
                "invalid type: map, expected struct Secret",
                "invalid type: object, expected an object",
            ),
            (
                "invalid length 1, expected a tuple of size 2",
                "invalid length 1, expected an array",
            ),
            (
                "invalid length 1, expected struct Secret with 2 elements",
                "invalid length 1, expected an object",
            ),
            (
                "invalid value: string \"x\", expected enum Secret",
                "invalid value: string, expected the name of a variant",
            ),
            (
                "invalid type: integer `1`, expected internally tagged enum Secret",
                "invalid type: integer `1`, expected an object",
            ),
            (
                "unknown variant `x`, expected `a` or `b`",
                "unknown variant `x`, expected `a` or `b`",
            ),
            (
                "data did not match any variant of untagged enum Secret",
                "none of the expected forms",
            ),
            ("invalid digit found in string", "expected an integer"),
            ("must be blue", "must be blue"),
        ];
        for (said, told) in cases {
            assert_eq!(for_client(said), told);
        }
        let told = for_client(&"é".repeat(1000));
        assert!(told.len() <= MAX_LENGTH + '…'.len_utf8() && told.ends_with("é…"));
    }
}
