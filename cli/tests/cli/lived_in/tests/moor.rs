//! A boat comes in.

mod support;

use nova::prelude::json;
use nova::testing;

#[test]
fn a_berth_is_given_once() {
    testing::run(async {
        let app = support::harbour().await;
        let boat = json!({ "name": "Albatross", "berth": 7 });
        assert_eq!(app.post("/api/v1/boats").json(&boat).await.status(), 201);
        assert_eq!(app.post("/api/v1/boats").json(&boat).await.status(), 409);
        assert_eq!(app.get("/admin/tariffs").await.status(), 401);
    });
}
