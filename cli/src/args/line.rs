//! A command line, parsed; and what is found in one that has not been, or can't be.

use std::ffi::{OsStr, OsString};

use clap::error::ErrorKind;
use clap::{CommandFactory as _, FromArgMatches as _, ValueEnum as _};

use super::generators::GenOwn;
use super::{Cli, Color, Command, Kind, refusal};
use crate::error::{Error, Result};

/// Parses a command line. One that asks for help, or for the version, is answered, and the process ends.
pub(crate) fn parse(typed: &[OsString]) -> Result<Cli> {
    let color = color(typed);
    // What is said of bad usage is said before the line is known.
    anstream::ColorChoice::from(color).write_global();
    let matches = Cli::command().color(color.into()).try_get_matches_from(typed);
    let mut cli = matches
        .and_then(|matches| Cli::from_arg_matches(&matches))
        .map_err(|error| refused(&error, typed))?;
    if let Command::Gen(args) = &mut cli.command
        && let Some(Kind::Own(words)) = &args.kind
    {
        // Behind `--list` too, also those of kinds that are known.
        if let Some(word) = words.first().filter(|_| args.list) {
            return Err(refusal::one_too_many(word, "nova gen --list", "nova gen"));
        }
        // Behind a kind that only the project knows, clap takes all words as they are.
        let line = words.iter().enumerate().map(|(index, word)| match index {
            0 => format!("nova gen {word}"),
            _ => word.clone(),
        });
        let matches = GenOwn::command().color(color.into()).try_get_matches_from(line);
        let own = matches.and_then(|matches| GenOwn::from_arg_matches(&matches));
        let behind: Vec<OsString> = words.iter().map(OsString::from).collect();
        let either = |long, short| found(&behind, long).or_else(|| found(&behind, short));
        if let Some(directory) = either("--directory", "-C") {
            cli.anywhere.directory = Some(directory.into());
        }
        if let Some(package) = either("--package", "-p") {
            cli.anywhere.package = Some(package.to_string_lossy().into_owned());
        }
        cli.anywhere.color = color;
        args.own = Some(own.map_err(|error| refused(&error, typed)));
    }
    Ok(cli)
}

/// What a command line that is no good comes to. One that asks for help, or that has no command, is answered with help.
fn refused(error: &clap::Error, typed: &[OsString]) -> Error {
    if !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        error.exit();
    }
    refusal::of(error, typed)
}

/// Whether what is said is to be data, also that the command line is no good.
pub(crate) fn asks_for_json(typed: &[OsString]) -> bool {
    own_words(typed).any(|word| word == "--json" || word.as_encoded_bytes().starts_with(b"--json="))
}

/// What the line says of colour, found before it is parsed: help, and what is said of bad usage, have colour too.
fn color(typed: &[OsString]) -> Color {
    let found = found(typed, "--color").and_then(|value| Color::from_str(value.to_str()?, false).ok());
    found.unwrap_or(Color::Auto)
}

/// The words that are for this command, and not for the application.
fn own_words(typed: &[OsString]) -> impl Iterator<Item = &OsStr> {
    typed.iter().map(OsString::as_os_str).take_while(|word| *word != "--")
}

/// The value of an option, in a line that has not been parsed: `--color never`, `--color=never`, `-C dir`, `-Cdir`.
fn found<'a>(typed: &'a [OsString], option: &str) -> Option<&'a OsStr> {
    let words: Vec<&OsStr> = own_words(typed).collect();
    let apart = words.windows(2).find(|pair| pair[0] == option).map(|pair| pair[1]);
    let joined = words.iter().find_map(|word| {
        let value = word.to_str()?.strip_prefix(option)?;
        let value = match option.starts_with("--") {
            true => value.strip_prefix('=')?,
            false => value.strip_prefix('=').unwrap_or(value),
        };
        (!value.is_empty()).then(|| OsStr::new(value))
    });
    apart.or(joined)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_is_found_wherever_it_is_asked_for() {
        for (line, always) in [
            ("nova --color always new", true),
            ("nova new --color=always", true),
            ("nova new", false),
            ("nova new --color", false),
            ("nova serve -- --color always", false),
        ] {
            let typed: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            assert_eq!(matches!(color(&typed), Color::Always), always, "{line}");
        }
    }

    #[test]
    fn an_option_is_found_in_each_of_its_spellings() {
        for (line, value) in [
            ("nova -C dir", Some("dir")),
            ("nova -Cdir", Some("dir")),
            ("nova -C=dir", Some("dir")),
            ("nova -C", None),
            ("nova serve -- -C dir", None),
        ] {
            let typed: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            assert_eq!(found(&typed, "-C"), value.map(OsStr::new), "{line}");
        }
    }
}
