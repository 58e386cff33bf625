//! The berths, which were `boats` once.

use nova::prelude::*;
use serde::Serialize;

use super::page;
use crate::Store;
use crate::store::Boat;

/// A berth as the pages show it.
#[derive(Clone, Debug, Serialize)]
pub struct Berth {
    pub number: u32,
    pub boat: Option<String>,
}

/// `GET /berths`: renders `views/berths/index.hbs`.
pub async fn index(State(store): State<Store>) -> Reply {
    let berths: Vec<Berth> = (1..=store.berths)
        .map(|number| berth(&store, number))
        .collect();
    Reply::view(json!({ "title": "Berths", "berths": page(&berths, 0) }))
}

/// `GET /berths/{number}`: renders `views/berths/show.hbs`.
pub async fn show(State(store): State<Store>, Path(number): Path<u32>) -> Reply {
    if number == 0 || number > store.berths {
        return Reply::status(404);
    }
    Reply::view(json!({ "title": format!("Berth {number}"), "berth": berth(&store, number) }))
}

/// `GET /api/v1/boats`
pub async fn list(State(store): State<Store>) -> Reply {
    Reply::json(store.boats())
}

/// `POST /api/v1/boats`
pub async fn moor(State(store): State<Store>, Json(boat): Json<Boat>) -> Reply {
    if store.moor(boat.clone()) {
        Reply::json(boat)
    } else {
        Reply::status(409)
    }
}

fn berth(store: &Store, number: u32) -> Berth {
    let boats = store.boats();
    let boat = boats.into_iter().find(|boat| boat.berth == number);
    Berth {
        number,
        boat: boat.map(|boat| boat.name),
    }
}

#[cfg(test)]
mod tests {
    use nova::testing;

    #[test]
    fn index_replies() {
        testing::run(async {
            let app = crate::app().into_test().await;
            let response = app.get("/berths").await;
            assert_eq!(response.status(), 200);
        });
    }

    #[test]
    fn show_replies() {
        testing::run(async {
            let app = crate::app().into_test().await;
            assert_eq!(app.get("/berths/1").await.status(), 200);
            assert_eq!(app.get("/berths/1000").await.status(), 404);
        });
    }
}
