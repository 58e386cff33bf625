//! `nova gen resource`: a model that is kept in memory, and a controller over it, for JSON or for pages.

use std::path::PathBuf;

use serde::Serialize;
use serde_json::json;

use super::kind::Kind;
use super::{Generated, Note, Wiring, parts, url};
use crate::error::{Error, Result};
use crate::name::{Name, NamePath, Role, nearest};
use crate::plan::Part;
use crate::project::Project;

pub(super) const MODEL: &str = "src/models/{{path}}.rs";
const JSON: &str = "src/controllers/{{path}}.rs";
const PAGES: &str = "src/controllers/{{path}}.pages.rs";
const VIEWS: &[&str] = &["list", "show", "new", "edit", "fields"];

/// The longest name, also of a field: longer ones make lines that rustfmt breaks elsewhere.
const LONGEST: usize = 32;
/// rustfmt breaks the arguments of a call that are longer than this.
const WIDEST_ARGUMENTS: usize = 60;

/// What a field can be: as it is typed, in Rust, in a form, and two values.
const TYPES: &[(&str, &str, &str, &str, &str)] = &[
    ("string", "String", "text", "\"one\"", "\"another\""),
    ("int", "i64", "number", "1", "2"),
    ("float", "f64", "number", "1.5", "2.5"),
    ("bool", "bool", "checkbox", "true", "false"),
];

/// Names that the record has already, or that the code around it uses.
const TAKEN: &[&str] = &["id", "draft"];

/// Types and traits that the model's module has or uses, which the record would hide.
const MEANT: &[&str] = &[
    "BTreeMap",
    "Clone",
    "Debug",
    "Deserialize",
    "Draft",
    "Mutex",
    "MutexGuard",
    "Option",
    "PartialEq",
    "PoisonError",
    "Problem",
    "Result",
    "Serialize",
    "Store",
    "String",
    "Vec",
];

/// A field of the record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Field {
    name: String,
    title: String,
    rust: &'static str,
    input: &'static str,
    /// What the client's error points to.
    place: String,
    text: bool,
    /// A form leaves it out when it is false.
    absent: bool,
    /// Whether rustfmt breaks the call that checks it.
    broken: bool,
    #[serde(skip)]
    samples: [&'static str; 2],
}

/// What is asked for besides a name.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub(super) fields: Vec<Field>,
    pub(super) views: bool,
}

pub(super) fn generate(
    kind: &Kind,
    name: &NamePath,
    shape: &Shape,
    wiring: &Wiring,
    project: &Project,
) -> Result<Generated> {
    let url = url(name, wiring);
    refuse(name, &url)?;
    let Shape { fields, views } = shape;
    let mut data = parts::data(name, &url, wiring.routed, project);
    let fields: Vec<Field> = fields.iter().map(|field| field.placed(*views)).collect();
    let texts = |value: fn(&Field) -> &str| -> String {
        let texts: Vec<String> = fields
            .iter()
            .map(|field| format!("{:16}\"{}\": {},", "", field.name, value(field)))
            .collect();
        texts.join("\n")
    };
    let more = [
        ("checked", json!(fields.iter().any(|field| field.text))),
        ("sample", json!(texts(|field| field.samples[0]))),
        ("changed", json!(texts(|field| field.samples[1]))),
        (
            "wrong",
            json!(texts(|field| if field.text { "\"\"" } else { field.samples[0] })),
        ),
        ("first", json!(fields.first().map_or("id", |field| field.name.as_str()))),
        ("fields", json!(fields)),
    ];
    data.extend(more.map(|(key, value)| (key.to_owned(), value)));
    // Neither is of use without the other.
    let file = PathBuf::from(format!("src/controllers/{}.rs", name.path()));
    let (model, content) = kind.render(kind.source(MODEL)?, &data)?;
    let parts = parts::module(project, model.clone(), content, Some("Models: what is kept."));
    let mut all: Vec<Part> = parts::belonging(parts, &file).collect();
    let source = kind.source(if *views { PAGES } else { JSON })?;
    let content = kind.render(source, &data)?.1;
    let parts = parts::module(project, file.clone(), content, kind.manifest.module.as_deref());
    all.extend(parts::belonging(parts, &model));
    for view in VIEWS.iter().filter(|_| *views) {
        let view = kind.source(&format!("views/{{{{path}}}}/{view}.hbs"))?;
        all.extend(parts::belonging(parts::file(kind, view, &data, project)?, &file));
    }
    if wiring.routed {
        for (verb, below, function) in routes(*views) {
            let handler = format!("controllers::{}::{function}", name.module());
            let route = parts::route(verb, &format!("{url}{below}"), &handler, project, &all);
            all.extend(route.into_iter().flatten());
        }
    }
    Ok(Generated {
        parts: all,
        what: format!("resource `{}` at {url}", name.path()),
        next: wiring.routed.then(|| super::visit(project, &url, "")),
    })
}

fn routes(views: bool) -> &'static [(&'static str, &'static str, &'static str)] {
    if views {
        &[
            ("get", "", "list"),
            ("get", "/new", "new"),
            ("get", "/{id}", "show"),
            ("post", "", "create"),
            ("get", "/{id}/edit", "edit"),
            ("post", "/{id}", "update"),
            ("post", "/{id}/delete", "delete"),
        ]
    } else {
        &[
            ("get", "", "list"),
            ("get", "/{id}", "show"),
            ("post", "", "create"),
            ("put", "/{id}", "update"),
            ("delete", "/{id}", "delete"),
        ]
    }
}

fn refuse(name: &NamePath, url: &str) -> Result<()> {
    let refused = |what: &str| {
        Err(Error::usage(format!("`{}` can't be a resource name: {what}", name.path())).detail("nothing was written"))
    };
    if name.name.snake().len() > LONGEST {
        return refused(&format!("it is longer than {LONGEST} characters"));
    }
    if MEANT.contains(&name.name.pascal().as_str()) {
        return refused("its module has something else of that name");
    }
    if url.is_empty() {
        return refused("its records can't be at /: --at /records");
    }
    Ok(())
}

/// The fields that were typed, as `title` or `title:string`; a name when there are none.
pub(super) fn fields(typed: &[String], resource: &NamePath, notes: &mut Vec<Note>) -> Result<Vec<Field>> {
    let mut role = Role {
        what: "a field".to_owned(),
        command: format!("nova gen resource {} ", resource.path()),
        example: "title",
        taken: Vec::new(),
    };
    let reason = "the record has something of that name already";
    role.taken
        .extend(TAKEN.iter().map(|name| ((*name).to_owned(), reason.to_owned())));
    let default = ["name".to_owned()];
    let typed = if typed.is_empty() { &default[..] } else { typed };
    let mut fields: Vec<Field> = Vec::new();
    for typed in typed {
        let (name, of) = typed.split_once(':').unwrap_or((typed, "string"));
        let name = Name::parse(name, &role)?;
        super::note_spelling(typed.split(':').next().unwrap_or_default(), &name.snake(), notes);
        let Some(field) = field(&name, of) else {
            let near = nearest(of, TYPES.iter().map(|(typed, ..)| *typed)).unwrap_or("string");
            let of: String = of.chars().take(64).flat_map(char::escape_debug).collect();
            return Err(Error::usage(format!("`{of}` is no type of a field"))
                .detail("the types are string, int, float and bool")
                .detail("nothing was written")
                .help(format!("{}{}:{near}", role.command, name.snake())));
        };
        if field.name.len() > LONGEST {
            return Err(Error::usage(format!(
                "`{}` can't be a field name: it is longer than {LONGEST} characters",
                field.name
            ))
            .detail("nothing was written"));
        }
        if fields.iter().any(|other| other.name == field.name) {
            return Err(
                Error::usage(format!("the field `{}` is there twice", field.name)).detail("nothing was written")
            );
        }
        fields.push(field);
    }
    Ok(fields)
}

/// A field by its name and its type, as typed or in Rust.
pub(super) fn field(name: &Name, of: &str) -> Option<Field> {
    let (_, rust, input, one, other) = TYPES.iter().find(|(typed, rust, ..)| *typed == of || *rust == of)?;
    let field = Field {
        title: name.title(),
        rust,
        input,
        place: String::new(),
        text: *rust == "String",
        absent: *rust == "bool",
        broken: false,
        samples: [one, other],
        name: name.snake(),
    };
    Some(field)
}

impl Field {
    /// A client points to a member of its JSON, or to a parameter of its form.
    fn placed(&self, views: bool) -> Self {
        let place = if views {
            self.name.clone()
        } else {
            format!("/{}", self.name)
        };
        let arguments = format!(
            "!self.{}.trim().is_empty(), \"{place}\", \"must not be empty\"",
            self.name
        );
        Self {
            broken: arguments.len() > WIDEST_ARGUMENTS,
            place,
            ..self.clone()
        }
    }
}
