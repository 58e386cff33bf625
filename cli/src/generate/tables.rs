//! The tables of resources, which outlive them, and of which each is one resource's.

use super::Note;
use crate::error::{Error, Result};
use crate::name::NamePath;
use crate::plan::Part;
use crate::project::Project;
use crate::{disk, migrations};

/// With what a migration begins that makes a table; behind it stands the model.
const OWNER: &str = "-- The table of ";

/// That the table of a resource which is destroyed stays in every database that has it.
pub(super) fn that_stays(parts: &[Part], project: &Project) -> Option<Note> {
    let migration = parts.iter().find_map(|part| match part {
        Part::File { path, .. } if path.starts_with(migrations::DIRECTORY) => path.to_str(),
        _ => None,
    })?;
    let table = migration.strip_suffix(".sql")?.split_once("_create_")?.1;
    let is_there = project.root.join(migration).is_file();
    is_there.then(|| {
        (
            "Kept",
            format!("the table \"{table}\" of databases in which {migration} has run"),
        )
    })
}

/// A table has one model: `shop/item` and `shop_item` can't both be kept.
pub(super) fn refuse_of_another(parts: &[Part], name: &NamePath, project: &Project) -> Result<()> {
    for part in parts {
        let Part::File { path, content, .. } = part else {
            continue;
        };
        if !path.starts_with(migrations::DIRECTORY) {
            continue;
        }
        let there = disk::text(&project.root.join(path)).unwrap_or_default();
        let model = |text: &str| {
            text.lines()
                .next()?
                .strip_prefix(OWNER)?
                .strip_suffix('.')
                .map(str::to_owned)
        };
        let (own, other) = (content.text().and_then(model), model(&there));
        if let Some(other) = other.filter(|other| own.as_ref() != Some(other)) {
            return Err(Error::usage(format!(
                "`{}` can't be a resource name: its table is that of {other}",
                name.path()
            ))
            .detail(format!("{} makes it", path.display()))
            .detail("nothing was written")
            .help("another name, or --memory"));
        }
    }
    Ok(())
}
