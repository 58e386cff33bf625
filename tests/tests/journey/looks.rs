//! The welcome page in a browser: whole, and without a complaint, on a phone and on a screen, by day and by night.

use crate::kit::{Browser, Project};

#[test]
fn the_welcome_page_fits_every_screen() {
    let Some(browser) = Browser::start() else { return };
    let project = Project::new("welcome");
    let serve = project.serve();
    let page = browser.open(&serve.url("/"));
    assert_eq!(page.evaluate("document.title"), "welcome");
    for (width, height) in [(360, 720), (1400, 900)] {
        for scheme in ["light", "dark"] {
            page.resize(width, height, scheme);
            page.sees("document.documentElement.scrollWidth <= innerWidth");
            page.sees("[...document.images].every(image => image.complete && image.naturalWidth > 0)");
            page.screenshot(&format!("welcome-{width}-{scheme}"));
        }
    }
    let background = "getComputedStyle(document.body).backgroundColor";
    let dark = page.evaluate(background);
    page.resize(1400, 900, "light");
    assert_ne!(page.evaluate(background), dark, "a scheme of its own for the night");
    assert_eq!(page.complaints(), Vec::<String>::new());
}
