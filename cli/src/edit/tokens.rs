//! The tokens of a text, by which an edit is judged: white space and comments are none.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Every token, brackets included. `None` when the text is not made of tokens.
pub(super) fn tokens(text: &str) -> Option<Vec<String>> {
    let text = text.trim_start_matches('\u{feff}');
    // A line for the system, which is no Rust.
    let text = match text.strip_prefix("#!") {
        Some(rest) if !rest.trim_start().starts_with('[') => rest.split_once('\n').map_or("", |(_, rest)| rest),
        _ => text,
    };
    let mut all = Vec::new();
    flatten(text.parse().ok()?, &mut all);
    Some(all)
}

fn flatten(stream: TokenStream, all: &mut Vec<String>) {
    for tree in stream {
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                all.push(open.to_owned());
                flatten(group.stream(), all);
                all.push(close.to_owned());
            }
            tree => all.push(tree.to_string()),
        }
    }
}

/// How many calls of methods there are, and what else has a dot.
pub(super) fn calls(tokens: &[String]) -> usize {
    tokens.iter().filter(|token| *token == ".").count()
}

/// Whether the longer is the shorter with one run of tokens more.
pub(super) fn differ_by_one_run(longer: &[String], shorter: &[String]) -> bool {
    let (start, end) = shared(longer, shorter);
    longer.len() > shorter.len() && start + end >= shorter.len()
}

/// Whether the longer has one run more within braces, which the shorter has lost with it: `{a, b}` and `a`.
pub(super) fn differ_by_one_run_in_braces(longer: &[String], shorter: &[String]) -> bool {
    let (start, end) = shared(longer, shorter);
    if start + end > shorter.len() {
        return false;
    }
    let (longer, shorter) = (&longer[start..longer.len() - end], &shorter[start..shorter.len() - end]);
    match longer {
        [open, inside @ .., close] => open == "{" && close == "}" && differ_by_one_run(inside, shorter),
        _ => false,
    }
}

/// How many tokens both begin with, and end with.
fn shared(left: &[String], right: &[String]) -> (usize, usize) {
    let start = left.iter().zip(right).take_while(|(a, b)| a == b).count();
    let ends = left.iter().rev().zip(right.iter().rev());
    (start, ends.take_while(|(a, b)| a == b).count())
}
