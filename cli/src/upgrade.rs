//! `nova upgrade`: the project's runtime, brought to the version of this command.

use std::ops::Range;
use std::path::Path;

use semver::{Op, Prerelease, Version, VersionReq};
use serde_json::json;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::args;
use crate::disk;
use crate::error::{Error, Result};
use crate::plan::{Conflicts, Part, Plan};
use crate::project::{Project, RUNTIME_PACKAGE};
use crate::work::{self, Work};

/// What has changed from version to version.
const CHANGES: &str = include_str!("../templates/CHANGELOG.md");
const MANIFEST: &str = "Cargo.toml";

/// Which runtime a manifest asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Requirement {
    /// A release: the text of the requirement, and where it stands, its quotes counted.
    Version { version: String, place: Range<usize> },
    /// A checkout, a repository, or what the workspace says.
    Elsewhere(String),
}

/// Runs the command.
pub(crate) fn run(args: &args::Upgrade) -> Result<()> {
    let root = Project::here()?.root;
    let own = release(env!("CARGO_PKG_VERSION"));
    let mut told = (String::new(), None);
    let done = work::carry_out(&root, args.show, Conflicts::Replace, || {
        let (parts, notes) = match requirement(&root) {
            Some(Requirement::Version { version, place }) if !fits(&version, env!("CARGO_PKG_VERSION")) => {
                if is_newer(&version, env!("CARGO_PKG_VERSION")) {
                    return Err(
                        Error::failed(format!("the project is at {version}, and this command at {own}"))
                            .detail("nothing was written")
                            .help("install the newer command: cargo install nova-framework-cli"),
                    );
                }
                let text = disk::text(&root.join(MANIFEST)).unwrap_or_default();
                let content = [&text[..place.start], "\"", own, "\"", &text[place.end..]].concat();
                told = (format!("the runtime is {own}, was {version}"), changes(&version));
                (vec![Part::file(MANIFEST, content)], Vec::new())
            }
            Some(Requirement::Elsewhere(place)) => (
                Vec::new(),
                vec![("Follows", format!("{place}: it is brought up to date there"))],
            ),
            _ => (Vec::new(), Vec::new()),
        };
        Ok(Work {
            plan: Plan::adding(&root, parts),
            about: json!({ "command": "upgrade", "version": own }),
            notes,
            look: None,
        })
    })?;
    let (finished, next) = told;
    done.finish(&finished, next.as_deref());
    Ok(())
}

/// Which runtime the manifest of a project asks for.
pub(crate) fn requirement(root: &Path) -> Option<Requirement> {
    let text = disk::text(&root.join(MANIFEST)).ok()?;
    find(&text)
}

fn find(text: &str) -> Option<Requirement> {
    let manifest = DeTable::parse(text).ok()?;
    let dependencies = manifest.get_ref().get("dependencies")?.get_ref().as_table()?;
    dependencies.iter().find_map(|(name, value)| {
        let is_named_so = name.get_ref().as_ref() == RUNTIME_PACKAGE;
        let table = match value.get_ref() {
            DeValue::String(_) if is_named_so => return version(value),
            DeValue::Table(table) => table,
            _ => return None,
        };
        let text = |key: &str| table.get(key)?.get_ref().as_str().map(str::to_owned);
        let inherited = table.get("workspace").is_some();
        if !is_named_so
            && text("package").as_deref() != Some(RUNTIME_PACKAGE)
            && !(inherited && name.get_ref() == "nova")
        {
            return None;
        }
        if inherited {
            return Some(Requirement::Elsewhere("the workspace".to_owned()));
        }
        let elsewhere = text("path").or_else(|| text("git"));
        match elsewhere {
            Some(place) => Some(Requirement::Elsewhere(place)),
            None => version(table.get("version")?),
        }
    })
}

fn version(value: &Spanned<DeValue<'_>>) -> Option<Requirement> {
    Some(Requirement::Version {
        version: value.get_ref().as_str()?.to_owned(),
        place: value.span(),
    })
}

/// `0.1` of `0.1.7`: what a manifest asks for.
fn release(version: &str) -> &str {
    version.rsplit_once('.').map_or(version, |(release, _)| release)
}

fn numbers(version: &str) -> Vec<u64> {
    let version = version.trim_start_matches(['^', '=', '~', '>', '<', ' ']);
    version.split('.').take(2).map_while(|part| part.parse().ok()).collect()
}

/// Whether a version is one that a requirement asks for, as cargo understands it.
pub(crate) fn fits(requirement: &str, version: &str) -> bool {
    match (VersionReq::parse(requirement), released(version)) {
        (Ok(requirement), Some(version)) => requirement.matches(&version),
        _ => false,
    }
}

/// Whether a requirement asks for more than a version.
fn is_newer(requirement: &str, version: &str) -> bool {
    let (Ok(requirement), Some(version)) = (VersionReq::parse(requirement), released(version)) else {
        return false;
    };
    requirement.comparators.iter().any(|least| {
        let is_least = !matches!(least.op, Op::Less | Op::LessEq);
        let least = (least.major, least.minor.unwrap_or(0), least.patch.unwrap_or(0));
        is_least && least >= (version.major, version.minor, version.patch)
    })
}

/// A version as if it were released: requirements pass over those that are not.
fn released(version: &str) -> Option<Version> {
    let mut version = Version::parse(version).ok()?;
    version.pre = Prerelease::EMPTY;
    Some(version)
}

/// What has changed since a version, from the change log.
fn changes(since: &str) -> Option<String> {
    let since = numbers(since);
    let sections = CHANGES.split("\n## ").skip(1);
    let newer = sections.filter(|section| {
        let title = section.lines().next().unwrap_or_default();
        title == "Unreleased" || numbers(title) > since
    });
    let lines: Vec<&str> = newer.flat_map(str::lines).collect();
    let breaking: Vec<String> = paragraphs(&lines)
        .into_iter()
        .filter(|line| line.starts_with("- *breaking*"))
        .collect();
    (!breaking.is_empty()).then(|| format!("What may need your hand:\n\n{}", breaking.join("\n")))
}

/// List items, each with the lines that go on with it.
fn paragraphs(lines: &[&str]) -> Vec<String> {
    let mut items: Vec<String> = Vec::new();
    for line in lines {
        match items.last_mut() {
            Some(item) if line.starts_with("  ") => {
                item.push('\n');
                item.push_str(line);
            }
            _ => items.push((*line).to_owned()),
        }
    }
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runtime_is_found_however_it_is_written() {
        let wants = |text: &str| match find(&format!("[dependencies]\n{text}\n")) {
            Some(Requirement::Version { version, .. }) => version,
            Some(Requirement::Elsewhere(place)) => format!("at {place}"),
            None => "nothing".to_owned(),
        };
        assert_eq!(wants("nova-framework = \"0.1\""), "0.1");
        assert_eq!(
            wants("nova = { package = \"nova-framework\", version = \"0.1.3\" }"),
            "0.1.3"
        );
        assert_eq!(
            wants("nova = { package = \"nova-framework\", path = \"../x\" }"),
            "at ../x"
        );
        assert_eq!(wants("nova.workspace = true"), "at the workspace");
        assert_eq!(wants("nova = \"0.5\""), "nothing");
    }

    #[test]
    fn what_fits_is_what_cargo_would_take() {
        for requirement in ["0.1", "^0.1.2", "*", "0.1.*", ">=0.1, <0.3", "~0.1.7", "=0.1.7", ">0.0"] {
            assert!(fits(requirement, "0.1.7"), "{requirement}");
        }
        assert!(fits("0.1", "0.1.7-rc.1"));
        for (requirement, newer) in [
            ("0.0.9", false),
            ("0.2", true),
            ("0.10", true),
            (">=0.2, <0.4", true),
            (">0.1.7", true),
            ("<0.1", false),
            ("=0.1.6", false),
            ("=0.1.8", true),
            ("1", true),
            ("latest", false),
        ] {
            assert!(!fits(requirement, "0.1.7"), "{requirement}");
            assert_eq!(is_newer(requirement, "0.1.7"), newer, "{requirement}");
        }
    }
}
