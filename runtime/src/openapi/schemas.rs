//! The schemas of a document. A type that is taken may look otherwise than when it is given: fields with a default may be
//! left out of the one and not of the other.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value};

/// Where the schemas are in the document.
const HOME: &str = "#/components/schemas/";

/// The schemas that a document has come to need.
#[derive(Debug)]
pub(crate) struct Schemas {
    taken: SchemaGenerator,
    given: SchemaGenerator,
}

impl Schemas {
    pub(crate) fn new() -> Self {
        let settings =
            || SchemaSettings::draft2020_12().with(|settings| settings.definitions_path = "/components/schemas".into());
        Self {
            taken: settings().for_deserialize().into_generator(),
            given: settings().for_serialize().into_generator(),
        }
    }

    /// The schema of what is read from a request.
    pub(super) fn taken<T: JsonSchema>(&mut self) -> Value {
        self.taken.subschema_for::<T>().to_value()
    }

    /// The schema of what is written into a response.
    pub(super) fn given<T: JsonSchema>(&mut self) -> Value {
        self.given.subschema_for::<T>().to_value()
    }

    /// What a schema of what is read from a request stands for.
    pub(crate) fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let name = schema
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|path| path.strip_prefix(HOME));
        let definition = name.and_then(|name| self.taken.definitions().get(&unescaped(name)));
        definition.unwrap_or(schema)
    }

    /// All schemas by name, and the names of those in responses that have another name there.
    pub(crate) fn into_definitions(mut self) -> (Map<String, Value>, BTreeSet<String>) {
        let mut taken = self.taken.take_definitions(true);
        let given = self.given.take_definitions(true);
        // What leads to a different one is different.
        let mut different: BTreeSet<String> = BTreeSet::new();
        loop {
            let more: Vec<String> = given
                .iter()
                .filter(|(name, schema)| {
                    let other = taken.get(*name);
                    let leads = || references(schema).iter().any(|name| different.contains(name));
                    !different.contains(*name) && other.is_some_and(|other| other != *schema || leads())
                })
                .map(|(name, _)| name.clone())
                .collect();
            if more.is_empty() {
                break;
            }
            different.extend(more);
        }
        for (name, mut schema) in given {
            rewrite(&mut schema, &different);
            let name = if different.contains(&name) { output(&name) } else { name };
            taken.insert(name, schema);
        }
        (taken, different)
    }
}

/// What a type is called in responses, where it is different there.
fn output(name: &str) -> String {
    format!("{name}Output")
}

/// Lets what is in a response refer to the schemas as they are there.
pub(crate) fn rewrite(value: &mut Value, different: &BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(path)) = members.get_mut("$ref")
                && let Some(name) = path.strip_prefix(HOME).map(unescaped)
                && different.contains(&name)
            {
                path.push_str("Output");
            }
            members.values_mut().for_each(|member| rewrite(member, different));
        }
        Value::Array(elements) => elements.iter_mut().for_each(|element| rewrite(element, different)),
        _ => {}
    }
}

/// The names of the schemas that a value refers to.
pub(crate) fn references(value: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    collect(value, &mut names);
    names
}

fn collect(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            let path = members.get("$ref").and_then(Value::as_str);
            names.extend(path.and_then(|path| path.strip_prefix(HOME)).map(unescaped));
            members.values().for_each(|member| collect(member, names));
        }
        Value::Array(elements) => elements.iter().for_each(|element| collect(element, names)),
        _ => {}
    }
}

/// A name out of a JSON pointer in a URL (RFC 6901 §6).
fn unescaped(name: &str) -> String {
    name.replace("~1", "/").replace("~0", "~")
}
