//! A file of Rust source whose syntax tree leads back to its bytes.

use std::ops::Range;

use syn::ext::IdentExt as _;
use syn::spanned::Spanned;
use syn::{Attribute, Ident};

use super::tokens::tokens;

/// Text that parses, and what it parses to.
pub(super) struct Source<'a> {
    pub(super) text: &'a str,
    pub(super) file: syn::File,
    /// How many bytes stand in front of what the parser saw: a byte order mark, a `#!` line.
    skipped: usize,
}

/// An identifier as it is meant: `r#posts` is `posts`.
pub(super) fn plain(ident: &Ident) -> String {
    ident.unraw().to_string()
}

/// Whether an item is there under a condition only.
pub(super) fn is_conditional(attributes: &[Attribute]) -> bool {
    let conditions = ["cfg", "cfg_attr"];
    attributes
        .iter()
        .any(|attribute| conditions.iter().any(|name| attribute.path().is_ident(name)))
}

/// Where a file stops being Rust.
#[derive(Debug)]
pub(crate) struct ParseError {
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) message: String,
}

impl ParseError {
    fn new(text: &str, error: &syn::Error) -> Self {
        let message = error.to_string();
        let (line, column) = if message.starts_with("unexpected end") {
            // The parser has no place for the end.
            let text = text.trim_end();
            let last = text.rsplit('\n').next().unwrap_or_default();
            (text.matches('\n').count() + 1, last.chars().count())
        } else {
            let start = error.span().start();
            (start.line, start.column)
        };
        let message = if message.starts_with("cannot parse string") {
            // The lexer says no more than this.
            "a bracket or a quote has no partner, or a character does not belong here".to_owned()
        } else {
            message
        };
        Self {
            line,
            column: column + 1,
            message,
        }
    }
}

impl<'a> Source<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, ParseError> {
        let file = syn::parse_file(text).map_err(|error| ParseError::new(text, &error))?;
        let mark = if text.starts_with('\u{feff}') {
            '\u{feff}'.len_utf8()
        } else {
            0
        };
        let skipped = mark + file.shebang.as_ref().map_or(0, String::len);
        Ok(Self { text, file, skipped })
    }

    /// The bytes of a node. Spans count what the parser saw; they know bytes from characters, and `\r\n` is two.
    pub(super) fn range(&self, node: &impl Spanned) -> Range<usize> {
        let range = node.span().byte_range();
        let (start, end) = (range.start + self.skipped, range.end + self.skipped);
        // The span of a doc comment takes in the first half of a `\r\n`.
        let half_newline = self.text[..end].ends_with('\r') && self.text[end..].starts_with('\n');
        start..end - usize::from(half_newline)
    }

    /// The newline in use around `offset`.
    pub(super) fn newline_at(&self, offset: usize) -> &'static str {
        let before = self.text[..offset].rfind('\n');
        let newline = before.or_else(|| self.text[offset..].find('\n').map(|at| offset + at));
        match newline {
            Some(at) if self.text[..at].ends_with('\r') => "\r\n",
            _ => "\n",
        }
    }

    /// The offset of the first byte of the line that `offset` is on.
    pub(super) fn line_start(&self, offset: usize) -> usize {
        let start = self.text[..offset].rfind('\n').map_or(0, |newline| newline + 1);
        start.max(self.first_byte())
    }

    /// The offset just behind the last byte of the line that `offset` is on, its newline not counted.
    pub(super) fn line_end(&self, offset: usize) -> usize {
        let end = self.text[offset..]
            .find('\n')
            .map_or(self.text.len(), |newline| offset + newline);
        if self.text[offset..end].ends_with('\r') {
            end - 1
        } else {
            end
        }
    }

    /// The offset of the line after the one that `offset` is on, or the end of the text.
    pub(super) fn next_line(&self, offset: usize) -> usize {
        self.text[offset..]
            .find('\n')
            .map_or(self.text.len(), |newline| offset + newline + 1)
    }

    /// The white space in front of `offset` when nothing else stands there on its line.
    pub(super) fn indentation(&self, offset: usize) -> Option<&'a str> {
        let before = &self.text[self.line_start(offset)..offset];
        before.chars().all(|c| c == ' ' || c == '\t').then_some(before)
    }

    /// Where a new line can begin after the token that ends at `offset`: behind a comment on the same line, which
    /// belongs to that token. `None` when more than a comment follows on the line.
    pub(super) fn end_with_comment(&self, offset: usize) -> Option<usize> {
        let end = self.line_end(offset);
        let mut rest = self.text[offset..end].trim_start();
        while let Some(block) = rest.strip_prefix("/*") {
            let inside = block.find("*/")?;
            // A comment within a comment is rare enough to leave alone.
            if block[..inside].contains("/*") {
                return None;
            }
            rest = block[inside + "*/".len()..].trim_start();
        }
        (rest.is_empty() || rest.starts_with("//")).then_some(end)
    }

    /// The text with `inserted` at `offset`.
    pub(super) fn with(&self, offset: usize, inserted: &str) -> String {
        let (before, after) = self.text.split_at(offset);
        [before, inserted, after].concat()
    }

    /// The text without `range`.
    pub(super) fn without(&self, range: Range<usize>) -> String {
        [&self.text[..range.start], &self.text[range.end..]].concat()
    }

    /// A call with the line that it begins, unless what follows on that line would be swallowed by a comment above it.
    pub(super) fn with_its_line(&self, call: Range<usize>) -> Range<usize> {
        if self.indentation(call.start).is_none() {
            return call;
        }
        let whole = self.previous_line_end(self.line_start(call.start))..call.end;
        let left = |range: &Range<usize>| tokens(&self.without(range.clone()));
        if left(&whole) == left(&call) { whole } else { call }
    }

    /// The offset of the first byte that is Rust.
    pub(super) fn first_byte(&self) -> usize {
        if self.text[self.skipped..].starts_with('\n') && self.skipped > 0 {
            self.skipped + 1
        } else {
            self.skipped
        }
    }

    /// The end of the line above the one that begins at `start`, its newline not counted.
    pub(super) fn previous_line_end(&self, start: usize) -> usize {
        let above = &self.text[..start];
        let above = above.strip_suffix('\n').unwrap_or(above);
        above.strip_suffix('\r').unwrap_or(above).len()
    }
}
