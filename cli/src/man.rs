//! `nova man`: a page for each command, from what `--help` says.

use std::fmt::Write as _;

use clap::{Command, CommandFactory as _};
use serde_json::json;

use crate::args::{self, Cli};
use crate::error::{Error, Result};
use crate::plan::{Part, Plan};
use crate::work::{self, Work};

/// Runs the command.
pub(crate) fn run(args: &args::Man) -> Result<()> {
    let directory = std::path::absolute(&args.pages)
        .map_err(|error| Error::usage(format!("can't write to {}: {error}", args.pages.display())))?;
    let mut root = Cli::command();
    root.build();
    let mut pages = Vec::new();
    collect(&root, "nova", None, &mut pages);
    let count = pages.len();
    let done = work::carry_out(&directory, args.write.show, work::conflicts(args.write), || {
        let part = |(name, content): (String, String)| Part::file(format!("{name}.1"), content);
        Ok(Work {
            plan: Plan::adding(&directory, pages.into_iter().map(part).collect()).shown_below(&args.pages),
            about: json!({ "command": "man" }),
            notes: Vec::new(),
            look: None,
        })
    })?;
    done.finish(&format!("{count} pages"), None);
    Ok(())
}

/// The pages of a command and of those below it.
fn collect(command: &Command, name: &str, above: Option<&str>, pages: &mut Vec<(String, String)>) {
    pages.push((name.to_owned(), page(command, name, above)));
    for sub in commands(command) {
        collect(sub, &format!("{name}-{}", sub.get_name()), Some(name), pages);
    }
}

fn commands(command: &Command) -> impl Iterator<Item = &Command> {
    let shown = command.get_subcommands();
    shown.filter(|sub| !sub.is_hide_set() && sub.get_name() != "help")
}

fn page(command: &Command, name: &str, above: Option<&str>) -> String {
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let version = env!("CARGO_PKG_VERSION");
    let mut page = format!(".TH {} 1 \"\" \"nova {version}\"\n", name.to_uppercase());
    let mut add = |text: String| {
        let _ = write!(page, "{text}");
    };
    add(format!(
        ".SH NAME\n{} \\- {}\n",
        escaped(name),
        escaped(about.trim_end_matches('.'))
    ));
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage:").trim();
    add(format!(".SH SYNOPSIS\n.nf\n{}\n.fi\n", escaped(usage)));
    let long = command.get_long_about().map(ToString::to_string);
    add(format!(
        ".SH DESCRIPTION\n{}\n",
        escaped(long.as_deref().unwrap_or(&about))
    ));
    let arguments: Vec<_> = command.get_arguments().filter(|arg| !arg.is_hide_set()).collect();
    if !arguments.is_empty() {
        add(".SH OPTIONS\n".to_owned());
    }
    for argument in arguments {
        let help = argument.get_long_help().or(argument.get_help());
        let mut help = help.map(ToString::to_string).unwrap_or_default();
        let defaults = argument.get_default_values();
        if let (Some(default), true) = (defaults.first(), argument.get_action().takes_values()) {
            let _ = write!(help, " [default: {}]", default.to_string_lossy());
        }
        let short = argument.get_short().filter(|_| argument.get_long().is_some());
        let short = short.map_or_else(String::new, |short| format!("-{short}, "));
        add(format!(
            ".TP\n\\fB{}\\fR\n{}\n",
            escaped(&format!("{short}{}", argument.to_string().trim())),
            escaped(&help)
        ));
    }
    let below: Vec<_> = commands(command).collect();
    if !below.is_empty() {
        add(".SH COMMANDS\n".to_owned());
    }
    for sub in below {
        let about = sub.get_about().map(ToString::to_string).unwrap_or_default();
        add(format!(
            ".TP\n\\fB{}\\fR(1)\n{}\n",
            escaped(&format!("{name}-{}", sub.get_name())),
            escaped(&about)
        ));
    }
    if let Some(after) = command.get_after_help() {
        add(sections(&after.to_string()));
    }
    match above {
        Some(above) => add(format!(".SH SEE ALSO\n\\fB{}\\fR(1)\n", escaped(above))),
        None => add(EXIT_STATUS.to_owned()),
    }
    page
}

const EXIT_STATUS: &str = ".SH EXIT STATUS\n.TP\n0\nIt is done, or there was nothing to do.\n.TP\n1\nIt could not be done.\n\
    .TP\n2\nThe command line is wrong, or a name in it.\n.TP\n130\nIt was interrupted.\n";

/// What stands below the options in the help: a paragraph such as `Examples:` with indented lines has a section of its own,
/// whose lines stay as they are; the others are notes.
fn sections(text: &str) -> String {
    let mut sections = String::new();
    let mut notes = String::new();
    for paragraph in text.trim_end().split("\n\n") {
        let listed = paragraph
            .split_once(":\n")
            .filter(|(title, lines)| !title.contains(' ') && lines.lines().all(|line| line.starts_with(' ')));
        if let Some((title, lines)) = listed {
            let title = if title == "Example" {
                "EXAMPLES".to_owned()
            } else {
                title.to_uppercase()
            };
            // The section indents them.
            let lines: Vec<_> = lines
                .lines()
                .map(|line| line.strip_prefix("  ").unwrap_or(line))
                .collect();
            let lines = escaped(&lines.join("\n"));
            let _ = write!(sections, ".SH {title}\n.nf\n{lines}\n.fi\n");
        } else {
            let start = if notes.is_empty() { ".SH NOTES\n" } else { ".PP\n" };
            let _ = writeln!(notes, "{start}{}", escaped(paragraph));
        }
    }
    sections + &notes
}

/// Text that the formatter takes for text.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    // As they are typed, and not as printers have them.
    let text = text
        .replace('`', "\\(ga")
        .replace('\'', "\\(aq")
        .replace('~', "\\(ti")
        .replace('^', "\\(ha");
    let lines = text.lines().map(|line| match line.chars().next() {
        Some('.' | '\'') => format!("\\&{line}"),
        _ => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}
