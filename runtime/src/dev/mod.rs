//! What only a developer sees: pages that exist only in `dev`.

mod console;
mod error_page;
mod html;

pub(crate) use console::console;
pub(crate) use error_page::error_page;
