//! Whole lines of declarations: how they run together, and how one joins them or leaves.

use syn::Item;
use syn::spanned::Spanned;

use super::source::Source;

/// The runs of neighbouring items of one kind. A blank line or a comment between two items ends a run, as it does for
/// rustfmt, which sorts each run for itself.
pub(super) fn runs<'a, T: Spanned>(
    source: &'a Source<'_>,
    kind: impl Fn(&'a Item) -> Option<&'a T>,
) -> Vec<Vec<&'a T>> {
    let mut runs: Vec<Vec<&T>> = Vec::new();
    let mut end_of_last = None;
    for item in &source.file.items {
        let Some(item) = kind(item) else {
            end_of_last = None;
            continue;
        };
        let range = source.range(item);
        let adjoins = |end: usize| source.text[end..range.start].matches('\n').count() <= 1;
        match runs.last_mut() {
            Some(run) if end_of_last.is_some_and(adjoins) => run.push(item),
            _ => runs.push(vec![item]),
        }
        end_of_last = Some(range.end);
    }
    runs
}

/// The text with a line in front of a neighbour, indented as that is.
pub(super) fn line_before(source: &Source<'_>, neighbour: &impl Spanned, line: &str) -> String {
    let start = source.range(neighbour).start;
    match source.indentation(start) {
        Some(indentation) => {
            let newline = source.newline_at(start);
            source.with(source.line_start(start), &format!("{indentation}{line}{newline}"))
        }
        None => source.with(start, &format!("{line} ")),
    }
}

/// The text with a line behind a neighbour, indented as that is.
pub(super) fn line_after(source: &Source<'_>, neighbour: &impl Spanned, line: &str) -> String {
    let range = source.range(neighbour);
    match (source.indentation(range.start), source.end_with_comment(range.end)) {
        (Some(indentation), Some(end)) => behind_line(source, end, "", &format!("{indentation}{line}")),
        _ => source.with(range.end, &format!(" {line}")),
    }
}

/// The text with a line behind the one that ends at `end`. Each line keeps the newline that it has, also where a file has both
/// sorts, so that this one can go without a trace.
fn behind_line(source: &Source<'_>, end: usize, gap: &str, line: &str) -> String {
    let newline = source.newline_at(end);
    match source.next_line(end) {
        next if source.text[end..next].ends_with('\n') => source.with(next, &format!("{gap}{line}{newline}")),
        end => source.with(end, &format!("{newline}{gap}{line}")),
    }
}

/// The text with a line in a paragraph of its own: behind `neighbour`, or else as near to the top as it can stand,
/// which is behind the file's own documentation and attributes.
pub(super) fn paragraph(source: &Source<'_>, neighbour: Option<&impl Spanned>, line: &str) -> String {
    let neighbour = neighbour.map(|item| source.range(item).end);
    let attributes = source.file.attrs.last().map(|attribute| source.range(attribute).end);
    if let Some(end) = neighbour.or(attributes) {
        let end = source.end_with_comment(end).unwrap_or(end);
        let newline = source.newline_at(end);
        // Where nothing is set apart from its neighbours, this is not either: so the line can go without a trace.
        let below = &source.text[source.next_line(end)..];
        let is_dense = !below.is_empty() && !below.starts_with(['\n', '\r']);
        let gap = if is_dense { "" } else { newline };
        return behind_line(source, end, gap, line);
    }
    let top = source.first_byte();
    let newline = source.newline_at(top);
    let gap = if source.text[top..].trim().is_empty() {
        ""
    } else {
        newline
    };
    source.with(top, &format!("{line}{newline}{gap}"))
}

/// The text without an item that shares its line with others, and without the space that set it apart. `None` when it has
/// lines to itself, or a comment beside it.
pub(super) fn without_words(source: &Source<'_>, item: &impl Spanned) -> Option<String> {
    let range = source.range(item);
    let before = &source.text[source.line_start(range.start)..range.start];
    let behind = &source.text[range.end..source.line_end(range.end)];
    let is_code = |text: &str| !text.trim().is_empty() && !text.contains("//") && !text.contains("/*");
    if !(before.trim().is_empty() || is_code(before)) || !(behind.trim().is_empty() || is_code(behind)) {
        return None;
    }
    match (
        before.strip_suffix(' ').filter(|before| is_code(before)),
        behind.strip_prefix(' '),
    ) {
        (Some(_), _) => Some(source.without(range.start - 1..range.end)),
        (None, Some(_)) if is_code(behind) => Some(source.without(range.start..range.end + 1)),
        (None, _) if is_code(before) || is_code(behind) => Some(source.without(range)),
        _ => None,
    }
}

/// The text without the lines that an item has to itself; with them goes the blank line that set them apart. `None`
/// when something else stands on those lines.
pub(super) fn without_lines(source: &Source<'_>, item: &impl Spanned) -> Option<String> {
    let range = source.range(item);
    source.indentation(range.start)?;
    if !source.text[range.end..source.line_end(range.end)].trim().is_empty() {
        return None;
    }
    let top = source.first_byte();
    let mut start = source.line_start(range.start);
    let mut end = source.next_line(range.end);
    let at_top = start == top;
    let at_end = end == source.text.len();
    let blank_above = at_top || source.text[..source.previous_line_end(start)].ends_with('\n');
    let blank_below = at_end || source.text[end..].starts_with(['\n', '\r']);
    if at_end && !source.text.ends_with('\n') {
        start = source.previous_line_end(start).max(top);
    }
    if blank_above && blank_below {
        if at_top {
            end = source.next_line(end);
        } else {
            start = source.previous_line_end(start).max(top);
        }
    }
    Some(source.without(start..end))
}
