//! Every route of the application.

use nova::prelude::*;

use crate::controllers::home;

/// The table of routes. `nova routes` prints it, `nova gen` adds to it.
pub fn routes() -> Routes {
    Routes::new().group(
        Group::new("/")
            .get("/", home::index)
            .get("/heartbeat", async || Reply::status(200))
            .assets("/assets", "assets"),
    )
}
