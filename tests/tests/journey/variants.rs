//! The variants of a new project, each with each other in pairs: what one adds is as good beside what another does.

use nova_tests::{Postgres, postgres};

use crate::kit::Project;

/// What there is to choose, by pairs of values: every two that can be had together are together in one of these. The first is the
/// project with a piece of everything in `generated`; the others are made here.
const VARIANTS: &[(&str, &str)] = &[
    ("everything", ""),
    ("numbers", "--api --auth --docker --nats"),
    ("shelves", "--api --db sqlite --nats"),
    ("members", "--auth --db sqlite --docker"),
    ("registry", "--api --auth --db postgres"),
    ("citizens", "--db postgres --docker --nats"),
];

/// The values of each choice.
const CHOICES: &[&[&str]] = &[
    &["", "--api"],
    &["", "--auth"],
    &["", "--docker"],
    &["", "--nats"],
    &["", "--db sqlite", "--db postgres"],
];

/// Whether a variant has this value of a choice.
fn has(variant: &str, value: &str, of: &[&str]) -> bool {
    if value.is_empty() {
        of.iter().all(|other| other.is_empty() || !variant.contains(other))
    } else {
        variant.contains(value)
    }
}

#[test]
fn every_pair_of_variants_is_in_the_list() {
    let mut missing = Vec::new();
    for (at, one) in CHOICES.iter().enumerate() {
        for other in &CHOICES[at + 1..] {
            for (left, right) in one
                .iter()
                .flat_map(|left| other.iter().map(move |right| (*left, *right)))
            {
                let is_there = VARIANTS
                    .iter()
                    .any(|(_, variant)| has(variant, left, one) && has(variant, right, other));
                if !is_there {
                    missing.push((left, right));
                }
            }
        }
    }
    assert!(missing.is_empty(), "{missing:?}");
    // What the command offers is among the choices.
    let help = crate::kit::Run::nova(crate::kit::command::workspace(), ["new", "--help"]).stdout;
    let others = [
        "--name",
        "--serve",
        "--no-git",
        "--nova-path",
        "--dry-run",
        "--diff",
        "--json",
    ];
    let general = ["--directory", "--package", "--color", "--help", "--version"];
    for line in help.lines() {
        let Some(flag) = line.split_whitespace().find(|word| word.starts_with("--")) else {
            continue;
        };
        let is_option = line.trim_start().starts_with('-');
        let is_known = others.contains(&flag) || general.contains(&flag);
        let is_chosen = CHOICES
            .iter()
            .flat_map(|of| of.iter())
            .any(|value| value.starts_with(flag));
        assert!(!is_option || is_known || is_chosen, "{line}");
    }
}

#[test]
fn each_variant_of_a_new_project_is_as_good() {
    let database = postgres::is_there().then(Postgres::start);
    for (name, variant) in &VARIANTS[1..] {
        let words: Vec<&str> = variant.split_whitespace().collect();
        let project = Project::new_with(name, &words);
        if variant.contains("--auth") {
            // What anybody may do without an account is said to be on purpose.
            project.nova("audit").succeeded();
        }
        project.nova("gen resource article title:string").succeeded();
        if !variant.contains("--api") {
            project.nova("gen resource shop/item name --views").succeeded();
        }
        project.is_tidy();
        match &database {
            Some(database) => {
                let variables = [("NOVA_DATABASE_URL", &*database.url())];
                let variables = if variant.contains("postgres") {
                    &variables[..]
                } else {
                    &[]
                };
                project.cargo_with("test", variables).succeeded();
            }
            None if variant.contains("postgres") => {}
            None => drop(project.cargo("test").succeeded()),
        }
    }
}
