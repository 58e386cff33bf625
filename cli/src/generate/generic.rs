//! The kinds that need no more than their templates and their manifest: WebSocket handlers, security functions, those of
//! the project's own.

use super::kind::Kind;
use super::{Generated, Wiring, parts, url};
use crate::error::Result;
use crate::name::NamePath;
use crate::project::Project;

pub(super) fn generate(kind: &Kind, name: &NamePath, wiring: &Wiring, project: &Project) -> Result<Generated> {
    let data = parts::data(name, &url(name, wiring), wiring, project);
    let mut all = Vec::new();
    for source in &kind.sources {
        all.extend(parts::file(kind, source, &data, project)?);
    }
    if wiring.routed {
        let mut wired = parts::routes(kind, &data, project, &all)?;
        wired.extend(parts::setups(kind, &data, project, &all)?);
        all.extend(wired);
    }
    let say = |text: &Option<String>| text.as_deref().map(|text| kind.say(text, &data)).transpose();
    let done = say(&kind.manifest.done)?;
    let visit = say(&kind.manifest.visit)?.filter(|_| wiring.routed);
    let next = match visit {
        Some(path) => {
            let how = kind
                .manifest
                .how
                .as_ref()
                .map_or_else(String::new, |how| format!(" {how}"));
            Some(super::visit(project, &path, &how))
        }
        None => say(&kind.manifest.next)?,
    };
    Ok(Generated {
        parts: all,
        what: done.unwrap_or_else(|| format!("{} `{}`", kind.name, name.path())),
        next,
    })
}
