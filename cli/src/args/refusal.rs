//! What is said of a command line that is no good: in the words of every other error, from what the parser found.

use std::ffi::OsString;

use clap::CommandFactory as _;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::Cli;
use crate::error::Error;

/// The error that `found` is, in what was typed.
pub(super) fn of(found: &clap::Error, typed: &[OsString]) -> Error {
    let usage = text(found, ContextKind::Usage).map(|usage| usage.trim_start_matches("Usage:").trim().to_owned());
    let command = usage.as_deref().map_or_else(|| in_line(typed), command);
    let error = Error::usage(message(found, &command));
    if let Some(meant) = meant(found) {
        let meant = match found.kind() {
            ErrorKind::InvalidSubcommand => format!("{command} {meant}"),
            _ => meant,
        };
        return error.help(format!("did you mean `{meant}`? {command} --help says more"));
    }
    let possible = texts(found, ContextKind::ValidValue);
    if !possible.is_empty() {
        return error.help(format!("it is one of {}", possible.join(", ")));
    }
    match usage.filter(|usage| *usage != command) {
        Some(usage) => error.help(format!("{usage}\n{command} --help says more")),
        None => error.help(format!("{command} --help says more")),
    }
}

/// That a word behind `line` is one too many, where the parser takes it for one that it does not know.
pub(super) fn one_too_many(word: &str, line: &str, command: &str) -> Error {
    let error = Error::usage(format!("`{word}` is one word too many for `{line}`"));
    error.help(format!("{line}\n{command} --help says more"))
}

fn message(found: &clap::Error, command: &str) -> String {
    let argument = texts(found, ContextKind::InvalidArg);
    let value = text(found, ContextKind::InvalidValue).unwrap_or_default();
    let quoted = |words: &[String]| -> Vec<String> { words.iter().map(|word| format!("`{word}`")).collect() };
    match (found.kind(), argument.as_slice()) {
        (ErrorKind::InvalidSubcommand, _) => {
            let typed = text(found, ContextKind::InvalidSubcommand).unwrap_or_default();
            format!("there is no command `{command} {typed}`")
        }
        (ErrorKind::UnknownArgument, [word]) if word.starts_with('-') => format!("`{command}` has no option `{word}`"),
        (ErrorKind::UnknownArgument, [word]) => format!("`{word}` is one word too many for `{command}`"),
        (ErrorKind::MissingRequiredArgument, [missing]) => format!("`{missing}` is missing"),
        (ErrorKind::MissingRequiredArgument, missing) => format!("{} are missing", quoted(missing).join(" and ")),
        (ErrorKind::InvalidValue, [option]) if value.is_empty() => format!("`{option}` is without its value"),
        (ErrorKind::InvalidValue, [option]) => format!("`{value}` is no value of `{option}`"),
        (ErrorKind::ValueValidation, [option]) => {
            let reason = std::error::Error::source(found).map_or_else(String::new, |reason| format!(": {reason}"));
            format!("`{value}` is no value of `{option}`{reason}")
        }
        (ErrorKind::ArgumentConflict, [one]) => {
            let others = texts(found, ContextKind::PriorArg);
            match others.as_slice() {
                [] => format!("`{one}` can't be used together with what else was typed"),
                [other] if other == one => format!("`{one}` was given twice"),
                others => format!("`{one}` can't be used with {}", quoted(others).join(" and ")),
            }
        }
        // What remains says itself, on one line.
        _ => {
            let rendered = found.render().to_string();
            let line = rendered.lines().next().unwrap_or_default();
            line.trim_start_matches("error: ").to_owned()
        }
    }
}

/// What may have been meant: of several, the longest, since an alias of one letter is like many words.
fn meant(found: &clap::Error) -> Option<String> {
    let kinds = [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg];
    let all = kinds.into_iter().flat_map(|kind| texts(found, kind));
    all.max_by_key(String::len)
}

/// The command in a line of usage: `nova gen controller [OPTIONS] <NAME>`.
fn command(usage: &str) -> String {
    let words = usage
        .split_whitespace()
        .take_while(|word| word.starts_with(|first: char| first.is_ascii_lowercase()));
    words.collect::<Vec<_>>().join(" ")
}

/// The command in a line where the parser does not say it.
fn in_line(typed: &[OsString]) -> String {
    let all = Cli::command();
    let (mut command, mut names) = (&all, vec!["nova".to_owned()]);
    for word in typed {
        if let Some(inner) = command.get_subcommands().find(|inner| is_called(inner, word)) {
            names.push(inner.get_name().to_owned());
            command = inner;
        }
    }
    names.join(" ")
}

fn is_called(command: &clap::Command, word: &OsString) -> bool {
    command.get_name() == word || command.get_all_aliases().any(|alias| alias == word)
}

fn text(found: &clap::Error, kind: ContextKind) -> Option<String> {
    texts(found, kind).into_iter().next()
}

fn texts(found: &clap::Error, kind: ContextKind) -> Vec<String> {
    match found.get(kind) {
        Some(ContextValue::String(text)) => vec![text.clone()],
        Some(ContextValue::Strings(texts)) => texts.clone(),
        Some(ContextValue::StyledStr(text)) => vec![text.to_string()],
        Some(ContextValue::StyledStrs(texts)) => texts.iter().map(ToString::to_string).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    fn said(line: &str) -> (String, String) {
        let typed: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let error = super::super::line::parse(&typed).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        let help = error.help_text().unwrap_or_default().to_owned();
        (error.message().to_owned(), help)
    }

    #[test]
    fn what_is_wrong_is_said_with_what_to_type() {
        for (line, message, help) in [
            (
                "nova serv",
                "there is no command `nova serv`",
                "did you mean `nova serve`? nova --help says more",
            ),
            (
                "nova frobnicate",
                "there is no command `nova frobnicate`",
                "nova [OPTIONS] <COMMAND>\nnova --help says more",
            ),
            (
                "nova routes --verbos",
                "`nova routes` has no option `--verbos`",
                "did you mean `--verbose`? nova routes --help says more",
            ),
            (
                "nova new a b",
                "`b` is one word too many for `nova new`",
                "nova new [OPTIONS] <PATH>\nnova new --help says more",
            ),
            (
                "nova destroy",
                "`<KIND>` and `<NAME>` are missing",
                "nova destroy <KIND> <NAME>\nnova destroy --help says more",
            ),
            (
                "nova man",
                "`<DIR>` is missing",
                "nova man <DIR>\nnova man --help says more",
            ),
            (
                "nova completions tcsh",
                "`tcsh` is no value of `<SHELL>`",
                "it is one of bash, zsh, fish",
            ),
            (
                "nova gen controller posts -p",
                "`--package <NAME>` is without its value",
                "nova gen controller --help says more",
            ),
            (
                "nova serve --port none",
                "`none` is no value of `--port <PORT>`: invalid digit found in string",
                "nova serve --help says more",
            ),
            (
                "nova new x --dry-run --dry-run",
                "`--dry-run` was given twice",
                "nova new [OPTIONS] <PATH>\nnova new --help says more",
            ),
        ] {
            assert_eq!(said(line), (message.to_owned(), help.to_owned()), "{line}");
        }
    }
}
