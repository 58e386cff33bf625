//! `nova openapi`: builds the application, asks it for its OpenAPI document, writes that.

use std::path::Path;
use std::process::ExitCode;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::project::Project;
use crate::{args, describe, disk, terminal};

/// A document, in the order in which people expect its parts.
#[derive(Deserialize, Serialize)]
struct Document {
    openapi: String,
    info: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    servers: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    security: Option<Value>,
    paths: Map<String, Value>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

const DOCUMENT: describe::Question = describe::Question {
    what: "openapi",
    help: Some("has it the feature? in Cargo.toml: nova = { …, features = [\"openapi\"] }"),
};

/// Runs the command.
pub(crate) fn run(args: &args::Openapi) -> Result<ExitCode> {
    let project = Project::here()?;
    let described = match describe::ask(&project, DOCUMENT)? {
        Ok(described) => described,
        Err(interrupted) => return Ok(interrupted),
    };
    // The application may print other lines.
    let document = described
        .lines()
        .find_map(|line| serde_json::from_str::<Document>(line).ok());
    let document = document.ok_or_else(|| Error::failed(format!("{} printed no OpenAPI document", project.name)))?;
    let text = serde_json::to_string_pretty(&document)
        .map_err(|error| Error::failed(format!("the document can't be written: {error}")))?;
    match &args.output {
        None => terminal::answer(text),
        Some(file) => {
            write(file, &(text + "\n"))?;
            let paths = document.paths.len();
            let paths = format!("{paths} path{}", if paths == 1 { "" } else { "s" });
            terminal::status("Wrote", format_args!("{} ({paths})", file.display()));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes it, where it is not there already: what reads the file need not do so for nothing.
fn write(file: &Path, text: &str) -> Result<()> {
    if disk::text(file).is_ok_and(|before| before == text) {
        return Ok(());
    }
    std::fs::write(file, text).map_err(|error| Error::failed(format!("{} was not written: {error}", file.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_begins_with_what_it_is() {
        let line = r#"{"components":{},"info":{"title":"a"},"openapi":"3.1.0","paths":{},"x-more":1}"#;
        let document: Document = serde_json::from_str(line).unwrap();
        assert_eq!(
            serde_json::to_string(&document).unwrap(),
            r#"{"openapi":"3.1.0","info":{"title":"a"},"paths":{},"components":{},"x-more":1}"#
        );
    }
}
