//! The templates, embedded in the binary.

use handlebars::{Handlebars, no_escape};
use serde::Serialize;

use crate::error::{Error, Result};

/// A file to be.
#[derive(Debug)]
pub(crate) struct Template {
    text: &'static str,
    /// What is a Handlebars template of the application's own, or has no variables, goes out as it is.
    raw: bool,
}

macro_rules! raw {
    ($path:literal) => {
        Template {
            text: include_str!(concat!("../templates/", $path)),
            raw: true,
        }
    };
}

macro_rules! rendered {
    ($path:literal) => {
        Template {
            text: include_str!(concat!("../templates/", $path, ".hbs")),
            raw: false,
        }
    };
}

/// The files of a new project, in the order in which they are reported.
pub(crate) const PROJECT: &[(&str, Template)] = &[
    ("Cargo.toml", rendered!("project/Cargo.toml")),
    ("README.md", rendered!("project/README.md")),
    (".gitignore", raw!("project/gitignore")),
    (".github/workflows/ci.yml", raw!("project/ci.yml")),
    ("nova.toml", rendered!("project/nova.toml")),
    ("src/main.rs", rendered!("project/src/main.rs")),
    ("src/lib.rs", raw!("project/src/lib.rs")),
    ("src/routes.rs", raw!("project/src/routes.rs")),
    ("src/controllers/mod.rs", raw!("project/src/controllers/mod.rs")),
    ("src/controllers/home.rs", rendered!("project/src/controllers/home.rs")),
    ("views/layout.hbs", raw!("project/views/layout.hbs")),
    ("views/home/index.hbs", raw!("project/views/home/index.hbs")),
    ("assets/app.css", raw!("project/assets/app.css")),
    ("assets/icon.svg", raw!("project/assets/icon.svg")),
];

pub(crate) const CONTROLLER: Template = rendered!("gen/controller.rs");
pub(crate) const VIEW: Template = rendered!("gen/view.hbs");
pub(crate) const WS_HANDLER: Template = rendered!("gen/ws_handler.rs");

/// What `src/controllers/mod.rs` begins as.
pub(crate) const CONTROLLERS: Template = raw!("gen/controllers.rs");
/// What `src/ws/mod.rs` begins as.
pub(crate) const WS: Template = raw!("gen/ws.rs");

impl Template {
    /// The file's text. A variable that `data` doesn't have is an error.
    pub(crate) fn render(&self, data: &impl Serialize) -> Result<String> {
        if self.raw {
            return Ok(self.text.to_owned());
        }
        let mut handlebars = Handlebars::new();
        handlebars.set_strict_mode(true);
        handlebars.register_escape_fn(no_escape);
        handlebars.render_template(self.text, data).map_err(|error| {
            Error::failed(format!("a template can't be rendered: {error}")).detail("nothing was written")
        })
    }
}
