//! The header `sec-websocket-extensions`, read (RFC 6455 §9.1).

/// An extension that a client offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Extension<'a> {
    pub(super) name: &'a str,
    /// Each with its value, where it has one.
    pub(super) parameters: Vec<(&'a str, Option<String>)>,
}

/// The extensions in one line of the header, in order. `None` where the line breaks the grammar.
pub(super) fn parse(line: &str) -> Option<Vec<Extension<'_>>> {
    let mut rest = Rest(line);
    let mut extensions = Vec::new();
    loop {
        // A list may have empty elements (RFC 9110 §5.6.1).
        while rest.eat(',') {}
        if rest.is_empty() {
            return Some(extensions);
        }
        extensions.push(rest.extension()?);
        if !rest.is_empty() && !rest.eat(',') {
            return None;
        }
    }
}

/// What is left to read. Spaces may stand between any two parts, and are passed over before each.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    fn extension(&mut self) -> Option<Extension<'a>> {
        let name = self.token()?;
        let mut parameters = Vec::new();
        while self.eat(';') {
            let name = self.token()?;
            let value = match self.eat('=') {
                true => Some(self.value()?),
                false => None,
            };
            parameters.push((name, value));
        }
        Some(Extension { name, parameters })
    }

    fn token(&mut self) -> Option<&'a str> {
        self.skip_space();
        let end = self.0.find(|c| !is_token(c)).unwrap_or(self.0.len());
        let (token, rest) = self.0.split_at(end);
        self.0 = rest;
        (!token.is_empty()).then_some(token)
    }

    fn value(&mut self) -> Option<String> {
        match self.eat('"') {
            true => self.quoted(),
            false => self.token().map(str::to_owned),
        }
    }

    /// The rest of a quoted value. Unquoted it must be a token.
    fn quoted(&mut self) -> Option<String> {
        let mut value = String::new();
        let mut chars = self.0.chars();
        loop {
            let c = match chars.next()? {
                '"' => break,
                '\\' => chars.next()?,
                c => c,
            };
            if !is_token(c) {
                return None;
            }
            value.push(c);
        }
        self.0 = chars.as_str();
        (!value.is_empty()).then_some(value)
    }

    fn eat(&mut self, wanted: char) -> bool {
        self.skip_space();
        let rest = self.0.strip_prefix(wanted);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn is_empty(&mut self) -> bool {
        self.skip_space();
        self.0.is_empty()
    }

    fn skip_space(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t']);
    }
}

/// Whether a token may have this character (RFC 9110 §5.6.2).
fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn extension<'a>(name: &'a str, parameters: &[(&'a str, Option<&str>)]) -> Extension<'a> {
        let parameters = parameters.iter().map(|(name, value)| (*name, value.map(str::to_owned)));
        Extension {
            name,
            parameters: parameters.collect(),
        }
    }

    #[test]
    fn a_list_with_parameters_and_spaces() {
        let line = " permessage-deflate ; client_max_window_bits;server_max_window_bits = 10 ,, x; y=\"1\\5\" , z,";
        let expected = [
            extension(
                "permessage-deflate",
                &[("client_max_window_bits", None), ("server_max_window_bits", Some("10"))],
            ),
            extension("x", &[("y", Some("15"))]),
            extension("z", &[]),
        ];
        assert_eq!(parse(line).unwrap(), expected);
        assert_eq!(parse(""), Some(Vec::new()));
    }

    #[test]
    fn what_breaks_the_grammar() {
        for line in [
            "a;",
            "a;;",
            "a;;b",
            "a b",
            "a;=1",
            "a;b=",
            "a;b=,",
            "=",
            ";",
            "a;b=\"",
            "a;b=\"\"",
            "a;b=\"1",
            "a;b=\"1\\",
            "a;b=\"1 2\"",
            "a;b=\"1\"2",
            "a/b",
            "é",
            "a;b=\"é\"",
            "a;b=c=d",
        ] {
            assert_eq!(parse(line), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_read_or_not(line in r#"[a-c,;="\\ \t]{0,40}|\PC{0,40}"#) {
            // What is read is made of the line's own tokens.
            for extension in parse(&line).into_iter().flatten() {
                prop_assert!(!extension.name.is_empty() && extension.name.chars().all(is_token));
                for (name, value) in extension.parameters {
                    prop_assert!(!name.is_empty() && name.chars().all(is_token));
                    prop_assert!(value.is_none_or(|value| !value.is_empty() && value.chars().all(is_token)));
                }
            }
        }

        #[test]
        fn what_is_written_is_read_back(
            list in prop::collection::vec(
                ("[a-z.]{1,9}", prop::collection::vec(("[a-z_]{1,9}", prop::option::of("[0-9a-z]{1,9}"), any::<bool>()), 0..4)),
                0..4,
            ),
        ) {
            let write = |(name, value, quoted): &(String, Option<String>, bool)| match value {
                Some(value) if *quoted => format!("; {name}=\"{value}\""),
                Some(value) => format!(";{name} = {value}"),
                None => format!(" ;{name}"),
            };
            let line: Vec<String> = list
                .iter()
                .map(|(name, parameters)| name.clone() + &parameters.iter().map(write).collect::<String>())
                .collect();
            let line = line.join(", ");
            let expected: Vec<_> = list
                .iter()
                .map(|(name, parameters)| Extension {
                    name,
                    parameters: parameters.iter().map(|(name, value, _)| (&name[..], value.clone())).collect(),
                })
                .collect();
            prop_assert_eq!(parse(&line), Some(expected));
        }
    }
}
