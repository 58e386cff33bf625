//! `nova eject`: the built-in templates, where a project can change them.

use serde_json::json;

use crate::args;
use crate::error::{Error, Result};
use crate::generate::kind::{self, DIRECTORY};
use crate::name::nearest;
use crate::plan::{Part, Plan};
use crate::project::Project;
use crate::template::KINDS;
use crate::work::{self, Work};

/// Runs the command.
pub(crate) fn run(args: &args::Eject) -> Result<()> {
    let root = Project::here()?.root;
    let chosen: Vec<_> = KINDS
        .iter()
        .filter(|kind| args.kind.as_ref().is_none_or(|chosen| chosen == kind.name))
        .collect();
    if chosen.is_empty() {
        let typed: String = args
            .kind
            .iter()
            .flat_map(|kind| kind.chars().take(64))
            .flat_map(char::escape_debug)
            .collect();
        let names = || KINDS.iter().map(|kind| kind.name);
        let error = Error::usage(format!("there is no built-in kind `{typed}`")).detail("nothing was written");
        return Err(match nearest(&typed, names()) {
            Some(near) => error.help(format!("nova eject {near}")),
            None => error.help(format!(
                "the built-in kinds are {}",
                names().collect::<Vec<_>>().join(", ")
            )),
        });
    }
    let done = work::carry_out(&root, args.write.show, work::conflicts(args.write), || {
        let files = chosen.iter().flat_map(|built_in| kind::files(built_in));
        let parts = files.map(|(path, content)| Part::file(path, content)).collect();
        Ok(Work {
            plan: Plan::adding(&root, parts),
            about: json!({ "command": "eject", "kind": args.kind }),
            notes: Vec::new(),
            look: None,
        })
    })?;
    done.finish(
        &format!("what is in {DIRECTORY} stands in for what is built in"),
        Some("next: change a template; delete the file to have the built-in one back"),
    );
    Ok(())
}
