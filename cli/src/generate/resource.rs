//! `nova gen resource`: a model that is kept in the database or in memory, and a controller over it, for JSON or for pages.

use std::path::PathBuf;

use serde::Serialize;
use serde_json::{Value, json};

use super::kind::Kind;
use super::{Generated, Note, Wiring, parts, url};
use crate::error::{Error, Result};
use crate::name::{Name, NamePath, Role, nearest};
use crate::plan::Part;
use crate::project::{Database, Project};
use crate::{args, migrations};

pub(super) const MODEL: &str = "src/models/{{path}}.rs";
/// The same over a database, and its table.
const MODEL_IN_DATABASE: &str = "src/models/{{path}}.db.rs";
const MIGRATION: &str = "migrations/create_{{table}}.sql";
const JSON: &str = "src/controllers/{{path}}.rs";
const PAGES: &str = "src/controllers/{{path}}.pages.rs";
const VIEWS: &[&str] = &["list", "show", "new", "edit", "fields"];

/// The longest name, also of a field: longer ones make lines that rustfmt breaks elsewhere.
const LONGEST: usize = 32;
/// rustfmt breaks the arguments of a call that are longer than this,
const WIDEST_ARGUMENTS: usize = 60;
/// and chains of calls,
const WIDEST_CHAIN: usize = 60;
/// and any line that is longer than this.
const WIDEST_LINE: usize = 100;

/// The longest name of a table: Postgres cuts longer ones.
const LONGEST_TABLE: usize = 63;
/// A line of SQL is no longer than this, where that can be.
const WIDEST_SQL: usize = 90;

/// What a field can be: as it is typed, in Rust, in a form, and two values.
const TYPES: &[(&str, &str, &str, &str, &str)] = &[
    ("string", "String", "text", "\"one\"", "\"another\""),
    ("int", "i64", "number", "1", "2"),
    ("float", "f64", "number", "1.5", "2.5"),
    ("bool", "bool", "checkbox", "true", "false"),
];

/// Names that the record has already, or that the code around it uses. `this` is the whole record to a view.
const TAKEN: &[&str] = &["id", "draft", "this"];

/// Names of columns that Postgres has for itself.
const COLUMNS: &[&str] = &["cmax", "cmin", "ctid", "tableoid", "xmax", "xmin"];

/// Types and traits that the model's module has or uses, which the record would hide.
const MEANT: &[&str] = &[
    "BTreeMap",
    "Clone",
    "DELETE",
    "Db",
    "Debug",
    "Deserialize",
    "Draft",
    "FIND",
    "INSERT",
    "LIST",
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
    "UPDATE",
    "Vec",
];

/// A field of the record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Field {
    name: String,
    title: String,
    rust: &'static str,
    /// The type of its column.
    sql: &'static str,
    input: &'static str,
    /// What the client's error points to.
    place: String,
    /// What must be true of its value, if anything, and what is said where it is not.
    check: Option<String>,
    says: &'static str,
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
    /// Where it is kept, when it is not in memory.
    pub(super) database: Option<Database>,
}

/// Where a resource is to be kept: in the project's database, where it has one, unless something else is said.
pub(super) fn database(args: &args::GenResource, project: &Project) -> Result<Option<Database>> {
    match project.database() {
        _ if args.memory => Ok(None),
        None if args.db => Err(Error::usage(
            "this project has no database: no `pub type Db` of SQLite or PostgreSQL is in src/db.rs",
        )
        .detail("nothing was written")
        .help("nova init --db sqlite (or postgres) adds one, and says what comes into your files by hand")),
        database => Ok(database),
    }
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
    let Shape {
        fields,
        views,
        database,
    } = shape;
    let table = name.path().replace('/', "_");
    if database.is_some() {
        refuse_table(name, &table, fields)?;
    }
    let mut data = parts::data(name, &url, wiring, project);
    let fields: Vec<Field> = fields.iter().map(|field| field.placed(*views, *database)).collect();
    let texts = |value: fn(&Field) -> &str| -> String {
        let texts: Vec<String> = fields
            .iter()
            .map(|field| format!("{:16}\"{}\": {},", "", field.name, value(field)))
            .collect();
        texts.join("\n")
    };
    // Where there is no application to call, a test makes one of a table, which then needs the database.
    let connects = database.is_some() && !(wiring.routed && wiring.app);
    let more = [
        ("checked", json!(fields.iter().any(|field| field.check.is_some()))),
        ("texts", json!(fields.iter().any(|field| field.text))),
        ("sample", json!(texts(|field| field.samples[0]))),
        ("changed", json!(texts(|field| field.samples[1]))),
        (
            "wrong",
            json!(texts(|field| if field.text { "\"\"" } else { field.samples[0] })),
        ),
        ("first", json!(fields.first().map_or("id", |field| field.name.as_str()))),
        ("db", json!(database.is_some())),
        ("connects", json!(connects)),
    ];
    data.extend(more.map(|(key, value)| (key.to_owned(), value)));
    if let Some(database) = database {
        data.extend(sql(*database, &table, &fields));
        let pascal = name.name.pascal();
        let list =
            format!("pub async fn list(db: &Db, before: Option<i64>, limit: u16) -> sqlx::Result<Vec<{pascal}>> {{");
        let update =
            format!("pub async fn update(db: &Db, id: i64, draft: Draft) -> sqlx::Result<Option<{pascal}>> {{");
        for (key, line) in [("wide_list", list), ("wide_update", update)] {
            data.insert(key.to_owned(), json!(line.len() > WIDEST_LINE));
        }
        if connects {
            let application = json!("nova::App::new(routes).start(connect).into_test().await");
            data.insert("application".to_owned(), application);
        }
    }
    data.insert("fields".to_owned(), json!(fields));
    // Neither is of use without the other.
    let file = PathBuf::from(format!("src/controllers/{}.rs", name.path()));
    let model = PathBuf::from(kind.say(MODEL, &data)?);
    let source = if database.is_some() { MODEL_IN_DATABASE } else { MODEL };
    let content = kind.render(kind.source(source)?, &data)?.1;
    let parts = parts::module(project, model.clone(), content, Some("Models: what is kept."));
    let mut all: Vec<Part> = parts::belonging(parts, &file).collect();
    if database.is_some() {
        let path = migrations::path(&project.root, &format!("create_{table}"));
        let content = kind.render(kind.source(MIGRATION)?, &data)?.1;
        all.extend(parts::belonging(vec![Part::file(path, content)], &model));
    }
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
        what: wiring.told("resource", name, &url),
        next: wiring.routed.then(|| super::visit(project, &url, "")),
    })
}

/// What is said of the fields in SQL, and of that in Rust. Every name is quoted: `order` is a word of SQL's own.
fn sql(database: Database, table: &str, fields: &[Field]) -> Vec<(String, Value)> {
    let list = |of: &dyn Fn(usize, &Field) -> String, before: &str| {
        let each = fields.iter().enumerate().map(|(index, field)| of(index, field));
        wrapped(&each.collect::<Vec<_>>(), before)
    };
    let name = |field: &Field| format!("\"{}\"", field.name);
    let names = list(&|_, field| name(field), "INSERT INTO table (");
    let columns: Vec<String> = std::iter::once("\"id\"".to_owned())
        .chain(fields.iter().map(name))
        .collect();
    let id = match database {
        Database::Sqlite => "INTEGER PRIMARY KEY AUTOINCREMENT",
        Database::Postgres => "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
    };
    let entries = [
        ("table", json!(table)),
        ("id", json!(id)),
        ("columns", json!(wrapped(&columns, "RETURNING "))),
        ("names", json!(names)),
        ("values", json!(list(&|index, _| format!("${}", index + 1), "VALUES ("))),
        (
            "assignments",
            json!(list(
                &|index, field| format!("{} = ${}", name(field), index + 2),
                "UPDATE table SET "
            )),
        ),
        ("insert", json!(bound("INSERT", None, fields))),
        ("update", json!(bound("UPDATE", Some("id"), fields))),
    ];
    entries.map(|(key, value)| (key.to_owned(), value)).into()
}

/// Texts with a comma between each two, on several lines when they are long.
fn wrapped(texts: &[String], before: &str) -> String {
    let mut result = String::new();
    let mut width = before.len();
    for (index, text) in texts.iter().enumerate() {
        if index > 0 {
            result.push(',');
            if width + text.len() > WIDEST_SQL {
                result.push_str("\n        ");
                width = 4;
            } else {
                result.push(' ');
            }
        }
        result.push_str(text);
        width += text.len() + 2;
    }
    result
}

/// A query with its values, as rustfmt writes it.
fn bound(query: &str, first: Option<&str>, fields: &[Field]) -> String {
    let root = format!("sqlx::query_as({query})");
    let first = first.map(|first| format!(".bind({first})"));
    let rest = fields.iter().map(|field| format!(".bind(draft.{})", field.name));
    let calls: Vec<String> = first.into_iter().chain(rest).collect();
    let on_one_line = format!("{root}{}", calls.concat());
    if calls.len() == 1 || on_one_line.len() <= WIDEST_CHAIN {
        return on_one_line;
    }
    format!("{root}\n        {}", calls.join("\n        "))
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

/// What no table or column can be called.
fn refuse_table(name: &NamePath, table: &str, fields: &[Field]) -> Result<()> {
    let refused = |what: String| {
        Err(Error::usage(what)
            .detail("nothing was written")
            .help("another name, or --memory"))
    };
    let path = name.path();
    if table.len() > LONGEST_TABLE {
        return refused(format!(
            "`{path}` can't be a resource name: its table's is longer than {LONGEST_TABLE} characters"
        ));
    }
    for (prefix, database) in [("sqlite_", "SQLite"), ("pg_", "PostgreSQL")] {
        if table.starts_with(prefix) {
            return refused(format!(
                "`{path}` can't be a resource name: {database} has tables of such names for itself"
            ));
        }
    }
    match fields.iter().find(|field| COLUMNS.contains(&field.name.as_str())) {
        Some(field) => refused(format!(
            "`{}` can't be a field name: PostgreSQL has a column of that name for itself",
            field.name
        )),
        None => Ok(()),
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
        sql: "",
        input,
        place: String::new(),
        check: None,
        says: "",
        text: *rust == "String",
        absent: *rust == "bool",
        broken: false,
        samples: [one, other],
        name: name.snake(),
    };
    Some(field)
}

impl Field {
    /// A client points to a member of its JSON, or to a parameter of its form; a table has it as a column.
    fn placed(&self, views: bool, database: Option<Database>) -> Self {
        let place = if views {
            self.name.clone()
        } else {
            format!("/{}", self.name)
        };
        let name = &self.name;
        let (check, says) = match (self.rust, database) {
            ("String", Some(_)) => (Some(format!("is_text(&self.{name})")), "must not be empty"),
            ("String", None) => (Some(format!("!self.{name}.trim().is_empty()")), "must not be empty"),
            // A form may say `NaN` or `inf`, which are no numbers to JSON, nor to SQLite.
            ("f64", _) => (Some(format!("self.{name}.is_finite()")), "must be a number"),
            _ => (None, ""),
        };
        let arguments = format!("{}, \"{place}\", \"{says}\"", check.as_deref().unwrap_or_default());
        let sql = match (self.rust, database) {
            ("i64", Some(Database::Sqlite)) => "INTEGER",
            ("i64", _) => "BIGINT",
            ("f64", Some(Database::Sqlite)) => "REAL",
            ("f64", _) => "DOUBLE PRECISION",
            ("bool", _) => "BOOLEAN",
            _ => "TEXT",
        };
        Self {
            broken: arguments.len() > WIDEST_ARGUMENTS,
            place,
            check,
            says,
            sql,
            ..self.clone()
        }
    }
}
