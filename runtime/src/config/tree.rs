//! The merged tree of settings, where every value knows its origin.

use std::collections::BTreeMap;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::ConfigError;

/// The table whose members are environments.
pub(super) const ENVIRONMENTS: &str = "env";
/// The tables within sections, which the name of a variable has to be told of: after its section it is read as one key.
const INNER_TABLES: [(&str, &str); 1] = [("server", "tls")];

/// A value and where it comes from.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) origin: Option<Origin>,
}

/// `nova.toml:3`, or the name of a variable.
pub(super) type Origin = Arc<str>;

#[derive(Clone, Debug)]
pub(super) enum Value {
    Table(BTreeMap<String, Node>),
    Array(Vec<Node>),
    Text(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    /// The text of a variable: what it means depends on what is wanted.
    Untyped(String),
}

/// Reads a TOML file.
pub(super) fn parse(file: &str, text: &str) -> Result<Node, ConfigError> {
    let line_of = |offset: usize| {
        text.as_bytes()[..offset.min(text.len())]
            .iter()
            .filter(|&&byte| byte == b'\n')
            .count()
            + 1
    };
    let table = DeTable::parse(text).map_err(|error| ConfigError {
        message: error.message().to_owned(),
        key: None,
        origin: Some(format!("{file}:{}", line_of(error.span().map_or(0, |span| span.start)))),
    })?;
    let origin = |offset| Origin::from(format!("{file}:{}", line_of(offset)));
    from_table(table.get_ref(), &origin).map(|value| Node { value, origin: None })
}

fn from_table(table: &DeTable<'_>, origin: &dyn Fn(usize) -> Origin) -> Result<Value, ConfigError> {
    table
        .iter()
        .map(|(key, value)| {
            let mut node = from_value(value, origin)?;
            // The line of the key, which for a table is that of its header.
            node.origin = Some(origin(key.span().start));
            Ok((key.get_ref().to_string(), node))
        })
        .collect::<Result<_, _>>()
        .map(Value::Table)
}

fn from_value(value: &Spanned<DeValue<'_>>, origin: &dyn Fn(usize) -> Origin) -> Result<Node, ConfigError> {
    let place = origin(value.span().start);
    let invalid = |what: &str| ConfigError {
        message: format!("{what} is out of range"),
        key: None,
        origin: Some(place.to_string()),
    };
    let value = match value.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => Value::Integer(
            i64::from_str_radix(number.as_str(), number.radix()).map_err(|_| invalid(&number.to_string()))?,
        ),
        DeValue::Float(number) => Value::Float(number.as_str().parse().map_err(|_| invalid(&number.to_string()))?),
        DeValue::Boolean(value) => Value::Boolean(*value),
        DeValue::Datetime(time) => Value::Text(time.to_string()),
        DeValue::Array(array) => Value::Array(
            array
                .iter()
                .map(|value| from_value(value, origin))
                .collect::<Result<_, _>>()?,
        ),
        DeValue::Table(table) => from_table(table, origin)?,
    };
    Ok(Node {
        value,
        origin: Some(place),
    })
}

impl Node {
    pub(super) fn empty() -> Self {
        Self {
            value: Value::Table(BTreeMap::new()),
            origin: None,
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Table(table) => table.get(key),
            _ => None,
        }
    }

    /// Lays the sections of one environment over those for all, and forgets the other environments.
    pub(super) fn select_environment(&mut self, name: &str) -> Result<(), ConfigError> {
        let Value::Table(table) = &mut self.value else {
            return Ok(());
        };
        let Some(environments) = table.remove(ENVIRONMENTS) else {
            return Ok(());
        };
        let no_table = |key: String, node: &Self| ConfigError {
            message: format!(
                "invalid type: {}, expected a table for each environment, as in [env.prod.server]",
                node.value.describe()
            ),
            key: Some(key),
            origin: node.origin.as_deref().map(str::to_owned),
        };
        let Value::Table(mut chosen) = environments.value.clone() else {
            return Err(no_table(ENVIRONMENTS.to_owned(), &environments));
        };
        if let Some((name, node)) = chosen.iter().find(|(_, node)| !matches!(node.value, Value::Table(_))) {
            return Err(no_table(format!("{ENVIRONMENTS}.{name}"), node));
        }
        let chosen = chosen.remove(name);
        // All of them stay, to be checked.
        table.insert(ENVIRONMENTS.to_owned(), environments);
        if let Some(chosen) = chosen {
            self.merge(chosen);
        }
        Ok(())
    }

    /// Lays `over` on top: tables are merged, anything else is replaced.
    fn merge(&mut self, over: Self) {
        match (&mut self.value, over.value) {
            (Value::Table(table), Value::Table(over)) => {
                for (key, node) in over {
                    table.entry(key).or_insert_with(Self::empty).merge(node);
                }
            }
            (value, over_value) => {
                *value = over_value;
                self.origin = over.origin;
            }
        }
    }

    /// Sets `section.some_key` from each variable `NOVA_SECTION_SOME_KEY`.
    ///
    /// Sections and the tables within them have names of one word, so the name of a variable is read in one way only.
    pub(super) fn override_with(&mut self, variables: impl IntoIterator<Item = (String, String)>) {
        for (name, text) in variables {
            // An empty one is the same as none.
            if text.is_empty() {
                continue;
            }
            let Some(path) = name.strip_prefix("NOVA_").map(str::to_ascii_lowercase) else {
                continue;
            };
            let Some((section, key)) = path.split_once('_') else {
                continue;
            };
            let inner = key.split_once('_');
            let inner = inner.filter(|(table, _)| INNER_TABLES.contains(&(section, *table)));
            let setting = Self {
                value: Value::Untyped(text),
                origin: Some(Origin::from(name)),
            };
            match inner {
                Some((table, key)) => self.set(&[section, table, key], setting),
                None => self.set(&[section, key], setting),
            }
        }
    }

    /// Sets the value at a path, below tables: where something else is in the way, its reader will say so.
    fn set(&mut self, path: &[&str], setting: Self) {
        match (path, &mut self.value) {
            ([], _) => *self = setting,
            ([key, rest @ ..], Value::Table(table)) => {
                let node = table.entry((*key).to_owned()).or_insert_with(Self::empty);
                node.set(rest, setting);
            }
            _ => {}
        }
    }

    /// Refuses sections of the file that are not among `known`. A variable for an unknown section belongs to something
    /// else.
    pub(super) fn expect_sections(&self, known: &[&str]) -> Result<(), ConfigError> {
        self.expect_keys("", known)?;
        let environments = self.get(ENVIRONMENTS).and_then(Self::entries);
        environments
            .into_iter()
            .flatten()
            .try_for_each(|(name, environment)| environment.expect_keys(&format!("{ENVIRONMENTS}.{name}."), known))
    }

    fn expect_keys(&self, path: &str, known: &[&str]) -> Result<(), ConfigError> {
        for (name, section) in self.entries().into_iter().flatten() {
            if let Some(origin) = &section.origin
                && name != ENVIRONMENTS
                && !known.contains(&name.as_str())
            {
                let known: Vec<_> = known
                    .iter()
                    .chain(&[ENVIRONMENTS])
                    .map(|name| format!("`{name}`"))
                    .collect();
                return Err(ConfigError {
                    message: format!("unknown section, expected one of {}", known.join(", ")),
                    key: Some(format!("{path}{name}")),
                    origin: Some(origin.to_string()),
                });
            }
        }
        Ok(())
    }

    fn entries(&self) -> Option<&BTreeMap<String, Self>> {
        match &self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }
}

impl Value {
    /// The value as an error message names it, in serde's words.
    fn describe(&self) -> serde::de::Unexpected<'_> {
        use serde::de::Unexpected;
        match self {
            Self::Table(_) => Unexpected::Map,
            Self::Array(_) => Unexpected::Seq,
            Self::Text(text) | Self::Untyped(text) => Unexpected::Str(text),
            Self::Integer(number) => Unexpected::Signed(*number),
            Self::Float(number) => Unexpected::Float(*number),
            Self::Boolean(value) => Unexpected::Bool(*value),
        }
    }
}
