//! Text for a terminal as HTML: its colours as classes, and everything else escaped.

use super::html::escape;

/// How text looks, as a terminal is told (ECMA-48 §8.3.117).
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Style {
    /// Which of [`FLAGS`] it has.
    flags: [bool; 4],
    /// One of the sixteen named colours.
    colour: Option<u8>,
}

/// The classes of bold, dim, italic and underlined text, which is how the parameters 1 to 4 make it.
const FLAGS: [&str; 4] = ["b", "d", "i", "u"];

/// The text as HTML, in which a word for which `link` has a URL leads there. What a terminal is told besides colours is
/// left out.
pub(super) fn to_html(text: &str, link: impl Fn(&str) -> Option<String>) -> String {
    let mut html = String::with_capacity(text.len() * 2);
    let mut style = Style::default();
    let mut rest = text;
    while !rest.is_empty() {
        let (plain, after) = rest.split_at(rest.find('\x1b').unwrap_or(rest.len()));
        if !plain.is_empty() {
            style.write(plain, &link, &mut html);
        }
        rest = match after.strip_prefix('\x1b') {
            Some(sequence) => style.follow(sequence),
            None => after,
        };
    }
    html
}

impl Style {
    /// Takes an escape sequence, and gives what comes after it.
    fn follow<'a>(&mut self, sequence: &'a str) -> &'a str {
        if let Some(control) = sequence.strip_prefix('[') {
            let Some(end) = control.find(|byte: char| ('\x40'..='\x7e').contains(&byte)) else {
                return "";
            };
            if control[end..].starts_with('m') {
                self.select(&control[..end]);
            }
            return &control[end + 1..];
        }
        if let Some(command) = sequence.strip_prefix(']') {
            // As the target of a link. It ends with BEL or with ESC \.
            let end = command.find(['\x07', '\x1b']).unwrap_or(command.len());
            let rest = &command[end..];
            return rest
                .strip_prefix('\x07')
                .or_else(|| rest.strip_prefix("\x1b\\"))
                .unwrap_or(rest);
        }
        let mut characters = sequence.chars();
        characters.next();
        characters.as_str()
    }

    /// Takes the parameters of `ESC [ … m`.
    fn select(&mut self, parameters: &str) {
        let mut numbers = parameters.split([';', ':']).map(|number| number.parse().unwrap_or(0));
        while let Some(number) = numbers.next() {
            match number {
                0 => *self = Self::default(),
                1..=4 => self.flags[usize::from(number) - 1] = true,
                22 => self.flags[..2].fill(false),
                23 => self.flags[2] = false,
                24 => self.flags[3] = false,
                30..=37 => self.colour = Some(number - 30),
                90..=97 => self.colour = Some(number - 90 + 8),
                39 => self.colour = None,
                38 | 48 => {
                    let chosen = match numbers.next() {
                        Some(5) => numbers.next(),
                        Some(2) => numbers.nth(2).and(None),
                        _ => None,
                    };
                    if number == 38 {
                        self.colour = chosen.filter(|colour| *colour < 16);
                    }
                }
                _ => {}
            }
        }
    }

    fn write(self, plain: &str, link: impl Fn(&str) -> Option<String>, html: &mut String) {
        let plain: String = plain
            .chars()
            .filter(|character| !character.is_control() || matches!(character, '\n' | '\t'))
            .collect();
        let is_plain = self == Self::default();
        if !is_plain {
            html.push_str("<span class=\"");
            html.push_str(&self.classes());
            html.push_str("\">");
        }
        // The spaces stay with the words before them.
        for word in plain.split_inclusive(char::is_whitespace) {
            let name = word.trim_end();
            match link(name) {
                Some(url) => {
                    let link = ["<a href=\"", &escape(&url), "\">", &escape(name), "</a>"].concat();
                    html.push_str(&link);
                    html.push_str(&word[name.len()..]);
                }
                None => html.push_str(&escape(word)),
            }
        }
        if !is_plain {
            html.push_str("</span>");
        }
    }

    fn classes(self) -> String {
        let flags = FLAGS.iter().zip(self.flags).filter(|(_, is_set)| *is_set);
        let mut classes: Vec<_> = flags.map(|(class, _)| (*class).to_owned()).collect();
        classes.extend(self.colour.map(|colour| format!("c{colour}")));
        classes.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn html(text: &str) -> String {
        to_html(text, |_| None)
    }

    #[test]
    fn colours_are_classes_and_the_rest_is_escaped() {
        assert_eq!(
            html("\x1b[1m\x1b[91merror\x1b[0m: expected `<T>` & \"x\""),
            "<span class=\"b c9\">error</span>: expected `&lt;T&gt;` &amp; &quot;x&quot;"
        );
        assert_eq!(html("\x1b[38;5;9m!\x1b[39m."), "<span class=\"c9\">!</span>.");
        assert_eq!(html("\x1b[38;2;1;2;3m\x1b[4mu\x1b[24m."), "<span class=\"u\">u</span>.");
        assert_eq!(html("\x1b[48;5;1;1mb"), "<span class=\"b\">b</span>");
    }

    #[test]
    fn what_is_no_colour_is_left_out() {
        assert_eq!(html("a\x1b[2Kb\x1b[1;2Hc\r\n\x07d"), "abc\nd");
        assert_eq!(html("\x1b]8;;javascript:alert(1)\x1b\\link\x1b]8;;\x07."), "link.");
        assert_eq!(html("cut\x1b[1"), "cut");
        assert_eq!(html("\x1b"), "");
        assert_eq!(html("\x1bcé"), "é");
    }

    #[test]
    fn places_are_links() {
        let link = |word: &str| (word == "src/a.rs:1:2").then(|| "x://\"<".to_owned());
        assert_eq!(
            to_html("--> src/a.rs:1:2\n  |", link),
            "--&gt; <a href=\"x://&quot;&lt;\">src/a.rs:1:2</a>\n  |"
        );
    }

    /// The text that a browser would show of our HTML; `None` where there is a tag that is not one of ours.
    fn shown(html: &str) -> Option<String> {
        let mut shown = String::new();
        let mut rest = html;
        while let Some((text, tag)) = rest.split_once('<') {
            shown.push_str(text);
            let (tag, after) = tag.split_once('>')?;
            let classes = tag.strip_prefix("span class=\"").and_then(|tag| tag.strip_suffix('"'));
            let is_ours =
                classes.is_some_and(|classes| classes.chars().all(|char| matches!(char, 'a'..='z' | '0'..='9' | ' ')));
            if !is_ours && tag != "/span" {
                return None;
            }
            rest = after;
        }
        shown.push_str(rest);
        Some(shown)
    }

    proptest! {
        #[test]
        fn no_text_makes_a_tag(text in "(\\PC|[<>&\"'\\x1b\\[\\];0-9m]|\\x1b\\[[0-9;]{0,6}m|\\n){0,60}") {
            let html = html(&text);
            let shown = shown(&html);
            prop_assert!(shown.is_some(), "{html}");
            let shown = shown.unwrap();
            prop_assert!(!shown.contains(['<', '>', '"', '\'']), "{html}");
        }

        #[test]
        fn text_without_escapes_is_shown_as_it_is(text in "[^\\x1b\\p{Cc}]{0,60}") {
            prop_assert_eq!(html(&text), escape(&text));
        }
    }
}
