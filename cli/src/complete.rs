//! `nova completions`: a few lines for the shell, which ask the command itself what may come next.
//!
//! So what a project has is known too: its own kinds, its packages, what there is to destroy.

use clap::{Arg, Command, CommandFactory as _};

use crate::args::{Cli, Shell};
use crate::generate::kind::Kind;
use crate::project::{self, Project};
use crate::terminal;

/// Runs `nova completions`.
pub(crate) fn script(shell: Shell) {
    terminal::answer(match shell {
        Shell::Bash => include_str!("../templates/completions/nova.bash").trim_end(),
        Shell::Zsh => include_str!("../templates/completions/nova.zsh").trim_end(),
        Shell::Fish => include_str!("../templates/completions/nova.fish").trim_end(),
    });
}

/// Prints what may stand in place of the last word, each with what it is behind a tab.
pub(crate) fn answer(words: &[String]) {
    let mut root = Cli::command();
    root.build();
    for (word, about) in candidates(&root, words) {
        terminal::answer(format!("{word}\t{about}").trim_end());
    }
}

fn candidates(root: &Command, words: &[String]) -> Vec<(String, String)> {
    let (last, before) = words
        .split_last()
        .map_or(("", &[][..]), |(last, before)| (last, before));
    let mut command = root;
    let mut typed: Vec<&str> = Vec::new();
    let mut waiting: Option<&Arg> = None;
    for word in before {
        if waiting.take().is_some() {
            continue;
        }
        if word == "--" {
            return Vec::new();
        }
        if word.starts_with('-') {
            waiting = option(command, word).filter(|arg| arg.get_action().takes_values() && !word.contains('='));
        } else if let Some(sub) = command.find_subcommand(word).filter(|_| typed.is_empty()) {
            command = sub;
        } else {
            typed.push(word);
        }
    }
    let mut all = match waiting {
        Some(arg) => values(arg),
        None if last.starts_with("--") && last.contains('=') => values_behind(command, last),
        None if last.starts_with('-') => options(command),
        None => {
            let mut all = subcommands(command, &typed);
            all.extend(names(command, &typed));
            all
        }
    };
    all.retain(|(word, _)| word.starts_with(last));
    all
}

fn option<'a>(command: &'a Command, word: &str) -> Option<&'a Arg> {
    let name = word.split('=').next().unwrap_or(word);
    command.get_arguments().find(|arg| match name.strip_prefix("--") {
        Some(long) => arg.get_long() == Some(long),
        None => arg.get_short() == name[1..].chars().next() && name.len() == 2,
    })
}

/// The values of an option in one word with it, as in `--color=always`.
fn values_behind(command: &Command, word: &str) -> Vec<(String, String)> {
    let name = word.split('=').next().unwrap_or(word);
    let all = option(command, word).map(values).unwrap_or_default().into_iter();
    all.map(|(value, about)| (format!("{name}={value}"), about)).collect()
}

fn options(command: &Command) -> Vec<(String, String)> {
    let arguments = command.get_arguments().filter(|arg| !arg.is_hide_set());
    arguments
        .filter_map(|arg| Some((format!("--{}", arg.get_long()?), about(arg.get_help()))))
        .collect()
}

fn values(arg: &Arg) -> Vec<(String, String)> {
    if arg.get_id() == "package" {
        let here = std::env::current_dir().unwrap_or_default();
        let packages = project::members(&here).into_iter();
        return packages.map(|project| (project.name, String::new())).collect();
    }
    let values = arg.get_possible_values();
    values
        .iter()
        .map(|value| (value.get_name().to_owned(), about(value.get_help())))
        .collect()
}

fn subcommands(command: &Command, typed: &[&str]) -> Vec<(String, String)> {
    if !typed.is_empty() {
        return Vec::new();
    }
    let all = command
        .get_subcommands()
        .filter(|sub| !sub.is_hide_set() && sub.get_name() != "help");
    let mut all: Vec<_> = all
        .map(|sub| (sub.get_name().to_owned(), about(sub.get_about())))
        .collect();
    if matches!(command.get_name(), "gen" | "destroy" | "eject") {
        for kind in kinds() {
            if all.iter().all(|(name, _)| *name != kind.name) {
                all.push((kind.name, kind.manifest.about));
            }
        }
    }
    all
}

/// What stands where a name is asked for: what there is to destroy, or the values of an argument.
fn names(command: &Command, typed: &[&str]) -> Vec<(String, String)> {
    if let ("destroy", [kind]) = (command.get_name(), typed) {
        return generated(kind);
    }
    let positional = command.get_positionals().nth(typed.len());
    positional.map(values).unwrap_or_default()
}

fn kinds() -> Vec<Kind> {
    let root = Project::here().map(|project| project.root).unwrap_or_default();
    Kind::each(&root).flatten().collect()
}

/// What is where a kind writes its files.
fn generated(kind: &str) -> Vec<(String, String)> {
    let Ok(project) = Project::here() else {
        return Vec::new();
    };
    let Ok(kind) = Kind::find(kind, &project.root) else {
        return Vec::new();
    };
    let names = kind.written(&project.root);
    names.into_iter().map(|name| (name, String::new())).collect()
}

/// The first line of a help text.
fn about(text: Option<&clap::builder::StyledStr>) -> String {
    let text = text.map(ToString::to_string).unwrap_or_default();
    text.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        let mut root = Cli::command();
        root.build();
        let line: Vec<String> = line.split(' ').map(str::to_owned).collect();
        candidates(&root, &line).into_iter().map(|(word, _)| word).collect()
    }

    #[test]
    fn what_may_come_next_is_known() {
        assert_eq!(words("ne"), ["new"]);
        assert_eq!(words("gen ws"), ["ws-handler"]);
        assert_eq!(words("g resou"), ["resource"]);
        assert_eq!(words("gen controller posts --no-r"), ["--no-route"]);
        assert_eq!(words("--color a"), ["auto", "always"]);
        assert_eq!(words("--color=a"), ["--color=auto", "--color=always"]);
        assert_eq!(words("gen controller posts --colour=a"), Vec::<String>::new());
        assert_eq!(words("completions z"), ["zsh"]);
        assert_eq!(words("destroy contr"), ["controller"]);
        assert!(words("serve -- --").is_empty());
        assert!(words("gen controller ").is_empty());
        assert!(!words("").contains(&"complete".to_owned()));
    }
}
