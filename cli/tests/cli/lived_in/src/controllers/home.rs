//! The first page.

use nova::prelude::*;

use crate::{Store, tide};

/// `GET /`: renders `views/home/index.hbs`.
pub async fn index(State(store): State<Store>) -> Reply {
    Reply::view(json!({
        "title": "The harbour",
        "welcome": store.welcome,
        "high": tide::is_high(12),
    }))
}

/// What the brochure calls it.
pub async fn moved() -> Reply {
    Reply::redirect("/berths")
}

#[cfg(test)]
mod tests {
    use nova::testing;

    #[test]
    fn the_page_has_a_heading() {
        testing::run(async {
            let app = crate::app().into_test().await;
            let response = app.get("/").await;
            assert_eq!(response.view(), Some("home/index"));
            assert!(response.text().contains("<h1>"));
            assert_eq!(app.get("/old/boats").await.status(), 302);
        });
    }
}
