//! The page that both servers render from the same template and the same values.

use serde::Serialize;

/// The template, as handlebars has it.
pub const TEMPLATE: &str = include_str!("../views/page.hbs");
/// The directory of the project that has it in its views.
pub const PROJECT: &str = env!("CARGO_MANIFEST_DIR");

/// What the page shows.
#[derive(Clone, Debug, Serialize)]
pub struct Page {
    title: &'static str,
    items: Vec<Item>,
}

#[derive(Clone, Debug, Serialize)]
struct Item {
    id: u32,
    name: String,
    price: f64,
}

impl Page {
    /// One with ten items.
    pub fn new() -> Self {
        let items = (1..=10).map(|id| Item {
            id,
            name: format!("The {id}th & last"),
            price: f64::from(id) + 0.5,
        });
        Self {
            title: "Ten items",
            items: items.collect(),
        }
    }
}

impl Default for Page {
    fn default() -> Self {
        Self::new()
    }
}
