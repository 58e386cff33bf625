//! The difference between two texts, as `patch` and `git apply` read it.

use std::ops::Range;

/// Lines around a change.
const CONTEXT: usize = 3;
/// Beyond this many pairs of lines no common ones are looked for: the one text is taken out and the other put in.
const MOST_PAIRS: usize = 4_000_000;

/// A line of the difference, without its newline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) kind: Kind,
    pub(super) text: String,
}

/// What a line of the difference says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Header,
    Hunk,
    Same,
    Out,
    In,
    /// That the text ends without a newline.
    NoNewline,
}

/// A run of lines that are in both texts, or in one only.
#[derive(Clone, Debug)]
struct Run {
    kind: Kind,
    before: Range<usize>,
    after: Range<usize>,
}

/// What has to be done to a file. `None` where there is no file.
pub(super) fn unified(path: &str, before: Option<&str>, after: Option<&str>) -> Vec<Line> {
    let side = |letter: char, text: Option<&str>| match text {
        Some(_) => format!("{letter}/{path}"),
        None => "/dev/null".to_owned(),
    };
    let old: Vec<&str> = before.unwrap_or_default().split_inclusive('\n').collect();
    let new: Vec<&str> = after.unwrap_or_default().split_inclusive('\n').collect();
    let hunks = hunks(&old, &new);
    if hunks.is_empty() {
        return Vec::new();
    }
    let header = |sign: &str, side: String| Line {
        kind: Kind::Header,
        text: format!("{sign} {side}"),
    };
    let mut lines = vec![header("---", side('a', before)), header("+++", side('b', after))];
    for hunk in hunks {
        lines.extend(written(&hunk, &old, &new));
    }
    lines
}

/// That a file which is no text changes.
pub(super) fn binary(path: &str) -> Line {
    Line {
        kind: Kind::Header,
        text: format!("Binary files a/{path} and b/{path} differ"),
    }
}

/// How many lines `after` has that `before` has not, and the other way round.
pub(super) fn counts(before: &str, after: &str) -> (usize, usize) {
    let lines = unified("", Some(before), Some(after));
    let count = |kind| lines.iter().filter(|line| line.kind == kind).count();
    (count(Kind::In), count(Kind::Out))
}

/// Changes with the lines around them; those that are near to each other are one.
fn hunks(old: &[&str], new: &[&str]) -> Vec<Vec<Run>> {
    let mut hunks: Vec<Vec<Run>> = Vec::new();
    let runs = runs(old, new);
    let last = runs.len().saturating_sub(1);
    for (index, run) in runs.into_iter().enumerate() {
        if run.kind != Kind::Same {
            match hunks.last_mut() {
                Some(hunk) => hunk.push(run),
                None => hunks.push(vec![run]),
            }
            continue;
        }
        let long = run.before.len() > 2 * CONTEXT;
        let head = first(&run, CONTEXT);
        let tail = behind(&run, run.before.len().saturating_sub(CONTEXT));
        match hunks.last_mut() {
            None => hunks.push(vec![tail]),
            Some(hunk) if index == last => hunk.push(head),
            Some(hunk) if long => {
                hunk.push(head);
                hunks.push(vec![tail]);
            }
            Some(hunk) => hunk.push(run),
        }
    }
    hunks.retain(|hunk| hunk.iter().any(|run| run.kind != Kind::Same));
    hunks
}

fn first(run: &Run, count: usize) -> Run {
    let count = count.min(run.before.len());
    Run {
        kind: run.kind,
        before: run.before.start..run.before.start + count,
        after: run.after.start..run.after.start + count,
    }
}

fn behind(run: &Run, count: usize) -> Run {
    Run {
        kind: run.kind,
        before: run.before.start + count..run.before.end,
        after: run.after.start + count..run.after.end,
    }
}

/// The two texts as runs, in order. Of a change, what goes out comes first.
fn runs(old: &[&str], new: &[&str]) -> Vec<Run> {
    let same_start = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let rest = old.len().min(new.len()) - same_start;
    let same_end = (old.iter().rev().zip(new.iter().rev()).take(rest))
        .take_while(|(a, b)| a == b)
        .count();
    let mut runs = Vec::new();
    let mut at = (0, 0);
    let mut push = |kind, before: usize, after: usize| {
        let run = Run {
            kind,
            before: at.0..at.0 + before,
            after: at.1..at.1 + after,
        };
        at = (run.before.end, run.after.end);
        match runs.last_mut() {
            Some(Run {
                kind: last,
                before,
                after,
            }) if *last == kind => {
                before.end = run.before.end;
                after.end = run.after.end;
            }
            _ if run.before.is_empty() && run.after.is_empty() => {}
            _ => runs.push(run),
        }
    };
    push(Kind::Same, same_start, same_start);
    let (old_middle, new_middle) = (
        &old[same_start..old.len() - same_end],
        &new[same_start..new.len() - same_end],
    );
    for kind in steps(old_middle, new_middle) {
        match kind {
            Kind::Out => push(kind, 1, 0),
            Kind::In => push(kind, 0, 1),
            _ => push(kind, 1, 1),
        }
    }
    push(Kind::Same, same_end, same_end);
    runs
}

/// The way from one text to the other that keeps the most lines.
fn steps(old: &[&str], new: &[&str]) -> Vec<Kind> {
    let (rows, columns) = (old.len(), new.len());
    let replaced = || [vec![Kind::Out; rows], vec![Kind::In; columns]].concat();
    if rows == 0 || columns == 0 || rows.saturating_mul(columns) > MOST_PAIRS {
        return replaced();
    }
    // How many lines the rests of the two texts have in common.
    let width = columns + 1;
    let mut common = vec![0_u32; (rows + 1) * width];
    for row in (0..rows).rev() {
        for column in (0..columns).rev() {
            common[row * width + column] = if old[row] == new[column] {
                common[(row + 1) * width + column + 1] + 1
            } else {
                common[(row + 1) * width + column].max(common[row * width + column + 1])
            };
        }
    }
    let (mut row, mut column) = (0, 0);
    let mut steps = Vec::with_capacity(rows + columns);
    while row < rows && column < columns {
        if old[row] == new[column] {
            steps.push(Kind::Same);
            row += 1;
            column += 1;
        } else if common[(row + 1) * width + column] >= common[row * width + column + 1] {
            steps.push(Kind::Out);
            row += 1;
        } else {
            steps.push(Kind::In);
            column += 1;
        }
    }
    steps.extend(std::iter::repeat_n(Kind::Out, rows - row));
    steps.extend(std::iter::repeat_n(Kind::In, columns - column));
    steps
}

fn written(hunk: &[Run], old: &[&str], new: &[&str]) -> Vec<Line> {
    let count = |side: fn(&Run) -> &Range<usize>, but: Kind| -> usize {
        hunk.iter()
            .filter(|run| run.kind != but)
            .map(|run| side(run).len())
            .sum()
    };
    let place = |start: usize, count: usize| {
        // An empty side is named by the line before it.
        let line = if count == 0 { start } else { start + 1 };
        if count == 1 {
            line.to_string()
        } else {
            format!("{line},{count}")
        }
    };
    let (out, into) = (count(|run| &run.before, Kind::In), count(|run| &run.after, Kind::Out));
    let mut lines = vec![Line {
        kind: Kind::Hunk,
        text: format!(
            "@@ -{} +{} @@",
            place(hunk[0].before.start, out),
            place(hunk[0].after.start, into)
        ),
    }];
    for run in hunk {
        let (sign, texts) = match run.kind {
            Kind::Out => ('-', &old[run.before.clone()]),
            Kind::In => ('+', &new[run.after.clone()]),
            _ => (' ', &new[run.after.clone()]),
        };
        for text in texts {
            let bare = text.strip_suffix('\n');
            lines.push(Line {
                kind: run.kind,
                text: format!("{sign}{}", bare.unwrap_or(text)),
            });
            if bare.is_none() {
                lines.push(Line {
                    kind: Kind::NoNewline,
                    text: "\\ No newline at end of file".to_owned(),
                });
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(before: &str, after: &str) -> String {
        let lines = unified("a.rs", Some(before), Some(after));
        lines.into_iter().map(|line| line.text + "\n").collect()
    }

    #[test]
    fn a_change_is_shown_with_what_is_around_it() {
        assert_eq!(
            text("1\n2\n3\n4\n5\n6\n7\n8\n", "1\n2\n3\n4\nfive\n6\n7\n8\n"),
            "--- a/a.rs\n+++ b/a.rs\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n"
        );
        assert_eq!(text("a\n", "a\n"), "");
        assert_eq!(
            text("a", "a\n"),
            "--- a/a.rs\n+++ b/a.rs\n@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n"
        );
    }

    #[test]
    fn a_file_comes_from_nothing_and_goes_to_nothing() {
        let lines = |before, after| -> Vec<String> {
            let lines = unified("x", before, after);
            lines.into_iter().map(|line| line.text).collect()
        };
        assert_eq!(
            lines(None, Some("a\n")),
            ["--- /dev/null", "+++ b/x", "@@ -0,0 +1 @@", "+a"]
        );
        assert_eq!(
            lines(Some("a\n"), None),
            ["--- a/x", "+++ /dev/null", "@@ -1 +0,0 @@", "-a"]
        );
    }

    #[test]
    fn changes_that_are_far_apart_are_shown_apart() {
        let before: Vec<String> = (0..40).map(|line: u32| line.to_string()).collect();
        let before = before.join("\n") + "\n";
        let after = before.replace("\n5\n", "\nfive\n").replace("\n30\n", "\n");
        let hunks = unified("x", Some(&before), Some(&after));
        let hunks: Vec<_> = hunks.iter().filter(|line| line.kind == Kind::Hunk).collect();
        assert_eq!(hunks.len(), 2);
        assert_eq!(hunks[0].text, "@@ -3,7 +3,7 @@");
        assert_eq!(hunks[1].text, "@@ -28,7 +28,6 @@");
    }

    /// What `patch` does, strictly.
    fn patched(before: &str, lines: &[Line]) -> String {
        let old: Vec<&str> = before.split_inclusive('\n').collect();
        let (mut at, mut after) = (0, Vec::new());
        for (index, line) in lines.iter().enumerate() {
            let ends = lines.get(index + 1).is_none_or(|next| next.kind != Kind::NoNewline);
            let body = || line.text[1..].to_owned() + if ends { "\n" } else { "" };
            match line.kind {
                Kind::Hunk => {
                    let range = line.text.split([' ', '-']).nth(2).unwrap();
                    let (start, count) = range.split_once(',').unwrap_or((range, "1"));
                    let start: usize = start.parse().unwrap();
                    let start = if count == "0" { start } else { start - 1 };
                    after.extend(old[at..start].iter().map(|&line| line.to_owned()));
                    at = start;
                }
                Kind::Same | Kind::Out => {
                    assert_eq!(old[at], body());
                    at += 1;
                    if line.kind == Kind::Same {
                        after.push(body());
                    }
                }
                Kind::In => after.push(body()),
                Kind::Header | Kind::NoNewline => {}
            }
        }
        after.extend(old[at..].iter().map(|&line| line.to_owned()));
        after.concat()
    }

    proptest! {
        #[test]
        fn a_difference_leads_from_one_text_to_the_other(before in "([abc]\n){0,30}[abc]?", after in "([abc]\n){0,30}[abc]?") {
            let lines = unified("x", Some(&before), Some(&after));
            prop_assert_eq!(patched(&before, &lines), after);
        }
    }
}
