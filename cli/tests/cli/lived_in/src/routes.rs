//! Every route of the harbour. The order is that of the menu.

mod admin;

use nova::prelude::*;

use crate::Store;
#[cfg(feature = "reports")]
use crate::controllers::reports;
use crate::controllers::{berths, home, notices as board};
use crate::security::member;
use crate::ws::board::Board;

/// The table of routes. `nova routes` prints it, `nova gen` adds to it.
pub fn routes(environment: &Environment) -> Routes<Store> {
    let table = Routes::new()
        // What anybody may see.
        .group(
            Group::new("/")
                .get("/", home::index)
                .get("/heartbeat", async || Reply::status(200)) // the load balancer asks
                // A berth has a number; the old links had names.
                .get("/berths", berths::index)
                .get("/berths/{number}", berths::show)
                .assets("/assets", "assets"),
        )
        // The notice board: to read for all, to write for members.
        .group(Group::new("/notices").get("/", board::index))
        .group(
            Group::new("/members/notices")
                .security(member::check)
                .post("/", board::create),
        )
        /* What other programs ask. */
        .group(
            Group::new("/api/v1")
                .csrf(false)
                .public("they bring no cookies")
                .get("/boats", berths::list)
                .post("/boats", berths::moor)
                .ws("/boats/live", Board::init),
        )
        .mount("/admin", admin::routes());
    #[cfg(feature = "reports")]
    let table = table.group(
        Group::new("/reports")
            .security(member::check)
            .get("/", reports::index),
    );
    let table = with_old_links(table);
    if environment.is_prod() {
        return table;
    }
    table.group(Group::new("/try").get("/error", async || Reply::status(500)))
}

/// The paths of a brochure that is still printed.
fn with_old_links(table: Routes<Store>) -> Routes<Store> {
    table
        .group(Group::new("/old").get("/boats", home::moved))
        .group(Group::new("/boote").get("/", home::moved))
}
