// The harbour's office.
//! The notices controller.

use nova::prelude::*;
use serde::Deserialize;

/// `GET /notices`: renders `views/notices/index.hbs`.
pub async fn index() -> Reply {
    Reply::view(json!({
        "title": "Notices",
        "notices": ["The crane is closed on Sundays."],
    }))
}

/// What a member writes.
#[derive(Debug, Deserialize)]
pub struct Draft {
    text: String,
}

/// `POST /members/notices`
pub async fn create(Form(draft): Form<Draft>) -> Reply {
    if draft.text.trim().is_empty() {
        return Reply::status(422);
    }
    Reply::redirect("/notices")
}

#[cfg(test)]
mod tests {
    use nova::testing;

    #[test]
    fn index_replies() {
        testing::run(async {
            let app = crate::app().into_test().await;
            let response = app.get("/notices").await;
            assert_eq!(response.status(), 200);
            assert!(response.text().contains("crane"));
        });
    }
}
