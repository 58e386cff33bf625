//! What is set, from where, and what is not: for a person who looks.

use std::collections::BTreeMap;

use serde::Serialize;

use super::tree::{ENVIRONMENTS, Node, Value};

/// All settings of the framework with their defaults, as the documentation has them.
const SETTINGS: &str = include_str!("settings.md");
/// What the name of a setting has in it whose value is nobody's business.
const SECRET: [&str; 6] = ["password", "secret", "token", "key", "credentials", "seed"];
/// What stands in its place.
const HIDDEN: &str = "•••";

/// A setting, and where its value comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Setting {
    /// As `server.port`.
    pub(crate) key: String,
    /// Its value as text, or `•••` where it is secret.
    pub(crate) value: String,
    /// `default`, `nova.toml:3`, or the name of a variable.
    pub(crate) origin: String,
    /// Whether it is from the sections for this environment alone.
    pub(crate) for_environment: bool,
    /// What it is, where the framework knows.
    pub(crate) meaning: Option<String>,
}

/// The settings of these sections: those of the framework in the order of its documentation, then others by name.
pub(super) fn list(tree: &Node, environment: &str, sections: &[&str]) -> Vec<Setting> {
    let own = tree
        .get(ENVIRONMENTS)
        .and_then(|environments| environments.get(environment));
    let mut set = BTreeMap::new();
    for section in sections {
        if let Some(node) = tree.get(section) {
            collect(
                node,
                own.and_then(|own| own.get(section)),
                (*section).to_owned(),
                &mut set,
            );
        }
    }
    let mut settings: Vec<_> = documented()
        .map(|(key, default, meaning)| {
            let mut setting = set.remove(key).unwrap_or_else(|| Setting {
                key: key.to_owned(),
                value: default,
                origin: "default".to_owned(),
                for_environment: false,
                meaning: None,
            });
            setting.meaning = Some(meaning);
            setting
        })
        .collect();
    settings.extend(set.into_values());
    settings
}

/// The values below a node, each by its path. `own` is the same node in the sections for this environment.
fn collect(node: &Node, own: Option<&Node>, key: String, set: &mut BTreeMap<String, Setting>) {
    if let Value::Table(table) = &node.value {
        for (name, inner) in table {
            let own = own.and_then(|own| own.get(name));
            collect(inner, own, format!("{key}.{name}"), set);
        }
        return;
    }
    let origin = node.origin.as_deref().unwrap_or("default").to_owned();
    let value = match is_secret(&key) {
        true => HIDDEN.to_owned(),
        false => text(&node.value),
    };
    let setting = Setting {
        for_environment: own.is_some_and(|own| own.origin == node.origin),
        key: key.clone(),
        value,
        origin,
        meaning: None,
    };
    set.insert(key, setting);
}

fn is_secret(key: &str) -> bool {
    // The section says nothing of it.
    let name = key.split_once('.').map_or(key, |(_, name)| name).to_ascii_lowercase();
    SECRET.iter().any(|secret| name.contains(secret))
}

fn text(value: &Value) -> String {
    match value {
        Value::Text(text) | Value::Untyped(text) => without_user(text),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Boolean(value) => value.to_string(),
        Value::Array(nodes) => {
            let values: Vec<_> = nodes.iter().map(|node| text(&node.value)).collect();
            format!("[{}]", values.join(", "))
        }
        Value::Table(table) => {
            let members = table.iter().map(|(name, node)| match is_secret(name) {
                true => format!("{name} = {HIDDEN}"),
                false => format!("{name} = {}", text(&node.value)),
            });
            format!("{{ {} }}", members.collect::<Vec<_>>().join(", "))
        }
    }
}

/// A text whose URLs do not say who is known there by which password.
fn without_user(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        let authority = after.split(['/', '?', '#', ',', ' ']).next().unwrap_or_default();
        shown.push_str(before);
        shown.push_str("://");
        rest = after;
        if let Some(at) = authority.rfind('@') {
            shown.push_str(HIDDEN);
            rest = &after[at..];
        }
    }
    shown + rest
}

/// Each documented setting with its default and its meaning, without their markup.
fn documented() -> impl Iterator<Item = (&'static str, String, String)> {
    SETTINGS.lines().filter_map(|row| {
        let mut cells = row.strip_prefix("| `")?.strip_suffix(" |")?.split(" | ");
        let key = cells.next()?.strip_suffix('`')?;
        Some((key, plain(cells.next()?), plain(cells.next()?)))
    })
}

fn plain(markup: &str) -> String {
    let mut text = String::new();
    let mut rest = markup;
    while let Some((before, link)) = rest.split_once("](") {
        text.push_str(before);
        rest = link.split_once(')').map_or("", |(_, after)| after);
    }
    text.push_str(rest);
    text.replace(['`', '['], "")
}

#[cfg(test)]
mod tests {
    use super::super::tree;
    use super::*;

    fn list(text: &str, variables: &[(&str, &str)]) -> Vec<Setting> {
        let mut tree = tree::parse("nova.toml", text).unwrap();
        tree.select_environment("dev").unwrap();
        tree.override_with(variables.iter().map(|(name, value)| ((*name).into(), (*value).into())));
        super::list(&tree, "dev", &["server", "pubsub", "app"])
    }

    fn of<'a>(settings: &'a [Setting], key: &str) -> (&'a str, &'a str, bool) {
        let setting = settings.iter().find(|setting| setting.key == key);
        setting.map_or(("", "", false), |setting| {
            (&setting.value, &setting.origin, setting.for_environment)
        })
    }

    #[test]
    fn each_setting_says_where_its_value_comes_from() {
        let text = "[server]\nport = 1\nhost = \"a\"\n[env.dev.server]\nport = 2\n[env.prod.server]\nhost = \"b\"\n";
        let settings = list(text, &[("NOVA_SERVER_BODY_LIMIT", "7"), ("NOVA_TEST_NATS", "x")]);
        assert_eq!(of(&settings, "server.port"), ("2", "nova.toml:5", true));
        assert_eq!(of(&settings, "server.host"), ("a", "nova.toml:3", false));
        assert_eq!(
            of(&settings, "server.body_limit"),
            ("7", "NOVA_SERVER_BODY_LIMIT", false)
        );
        assert_eq!(of(&settings, "server.header_timeout"), ("5", "default", false));
        assert_eq!(of(&settings, "test.nats"), ("", "", false), "it is somebody else's");
    }

    #[test]
    fn every_setting_is_documented_with_its_default() {
        let settings = list("", &[]);
        assert!(settings.len() > 30);
        assert!(settings.iter().all(|setting| {
            let meaning = setting.meaning.as_deref().unwrap_or_default();
            !meaning.is_empty() && !meaning.contains(['`', '[', ']']) && !setting.value.is_empty()
        }));
    }

    #[test]
    fn secrets_are_hidden() {
        let text = r#"
            [app]
            api_key = "alpha"
            Session_Secret = "beta"
            url = "postgres://me:gamma@db/x?y=1"
            list = ["nats://delta@a", "plain"]
            [[app.users]]
            name = "n"
            password = "epsilon"
        "#;
        let variables = [
            ("NOVA_PUBSUB_TOKEN", "zeta"),
            ("NOVA_PUBSUB_URL", "nats://eta:theta@a,nats://iota@b"),
        ];
        let settings = list(text, &variables);
        let all = format!("{settings:?}");
        for secret in [
            "alpha", "beta", "gamma", "delta", "epsilon", "\"zeta", "eta:", "theta", "iota",
        ] {
            assert!(!all.contains(secret), "{secret}");
        }
        assert_eq!(of(&settings, "app.url").0, "postgres://•••@db/x?y=1");
        assert_eq!(of(&settings, "app.list").0, "[nats://•••@a, plain]");
        assert_eq!(of(&settings, "pubsub.url").0, "nats://•••@a,nats://•••@b");
        assert_eq!(of(&settings, "app.users").0, "[{ name = n, password = ••• }]");
    }
}
