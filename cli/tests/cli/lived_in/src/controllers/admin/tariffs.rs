//! What a night costs.

use nova::prelude::*;

use crate::Store;

/// `GET /admin/tariffs`
pub async fn index(State(store): State<Store>) -> Reply {
    let prices = (1..=store.berths).map(|berth| json!({ "berth": berth, "price": 20 + berth }));
    Reply::json(prices.collect::<Vec<_>>())
}

/// `PUT /admin/tariffs/{berth}`
pub async fn update(Path(_berth): Path<u32>) -> Reply {
    Reply::status(204)
}
