//! What the office alone may do.

use nova::prelude::*;

use crate::Store;
use crate::controllers::admin::tariffs;
use crate::security::office;

/// Mounted at `/admin`.
pub(super) fn routes() -> Routes<Store> {
    Routes::new().group(
        Group::new("/tariffs")
            .security(office::check)
            .get("/", tariffs::index)
            .put("/{berth}", tariffs::update),
    )
}
