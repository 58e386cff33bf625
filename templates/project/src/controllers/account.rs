//! Accounts: to register, to log in, to log out.

use std::ops::RangeInclusive;

use nova::prelude::*;
use serde::Deserialize;

use crate::models::account;
use crate::security::member::{self, Member};

/// How long a name can be,
const NAMES: RangeInclusive<usize> = 1..=64;
/// and how long a password.
const PASSWORDS: RangeInclusive<usize> = 12..=256;

/// What is typed into both forms.
#[derive(Deserialize)]
pub struct Credentials {
    name: String,
    password: String,
}

/// `GET /register`: renders `views/account/register.hbs`.
pub async fn register(csrf: CsrfToken) -> Reply {
    Reply::view(json!({ "title": "Register", "csrf": csrf }))
}

/// `POST /register`
pub async fn create(session: Session, Form(typed): Form<Credentials>) -> nova::Result<Reply> {
    let name = typed.name.trim();
    Problem::new(422)
        .require(
            NAMES.contains(&name.len()),
            "name",
            "must have 1 to 64 characters",
        )
        .require(
            PASSWORDS.contains(&typed.password.len()),
            "password",
            "must have 12 to 256 characters",
        )
        .check()?;
    if !account::insert(name, typed.password).await? {
        return Err(Problem::new(422).error("name", "is taken").into());
    }
    let_in(&session, name)
}

/// `GET /login`: renders `views/account/login.hbs`.
pub async fn login(session: Session, csrf: CsrfToken) -> Reply {
    let messages = session.flashes();
    Reply::view(json!({ "title": "Log in", "csrf": csrf, "messages": messages }))
}

/// `POST /login`
pub async fn enter(session: Session, Form(typed): Form<Credentials>) -> nova::Result<Reply> {
    let name = typed.name.trim();
    if !account::matches(name, typed.password).await? {
        // It does not say which of the two was wrong.
        session.flash("error", "That is no name and its password.")?;
        return Ok(Reply::redirect("/login").with_status(303));
    }
    let_in(&session, name)
}

/// `POST /logout`
pub async fn leave(session: Session) -> nova::Result<Reply> {
    session.destroy()?;
    Ok(Reply::redirect("/").with_status(303))
}

/// `GET /account`, for members: renders `views/account/show.hbs`.
pub async fn show(AuthData(Member { name }): AuthData<Member>, csrf: CsrfToken) -> Reply {
    Reply::view(json!({ "title": "Account", "name": name, "csrf": csrf }))
}

/// From here on the session is somebody's, so it has a new id.
fn let_in(session: &Session, name: &str) -> nova::Result<Reply> {
    session.rotate()?;
    session.insert(member::KEY, name)?;
    Ok(Reply::redirect("/account").with_status(303))
}

#[cfg(test)]
mod tests {
    use nova::http::Method;
    use nova::session::MemoryStore;
    use nova::testing::{self, TestClient};

    const PASSWORD: &str = "correct horse battery";

    async fn client() -> TestClient {
        let app = nova::App::new(crate::routes).sessions(MemoryStore::new());
        app.into_test().await.client()
    }

    /// Fills in the form of a page.
    async fn fill(client: &TestClient, path: &str, name: &str, password: &str) -> (u16, String) {
        let page = client.get(path).await;
        let token = token(page.text()).to_owned();
        let form = [("name", name), ("password", password), ("_csrf", &token)];
        let response = client.post_form(path, &form).await;
        let location = response.header("location").unwrap_or_default();
        (response.status(), location.to_owned())
    }

    fn token(page: &str) -> &str {
        let (_, rest) = page.split_once("name=\"_csrf\" value=\"").unwrap();
        rest.split_once('"').unwrap().0
    }

    #[test]
    fn who_has_registered_logs_in_and_out() {
        testing::run(async {
            let mine = client().await;
            let members = (303, "/account".to_owned());
            assert_eq!(fill(&mine, "/register", "ali", PASSWORD).await, members);
            let page = mine.get("/account").await;
            assert_eq!(page.status(), 200);
            assert!(page.text().contains("ali"));
            let form = [("_csrf", token(page.text()))];
            assert_eq!(mine.post_form("/logout", &form).await.status(), 303);
            let refused = mine.get("/account").await;
            assert_eq!(refused.header("location"), Some("/login"));
            assert_eq!(fill(&mine, "/login", "ali", PASSWORD).await, members);
        });
    }

    #[test]
    fn a_wrong_password_is_refused() {
        testing::run(async {
            let mine = client().await;
            fill(&mine, "/register", "bo", PASSWORD).await;
            let stranger = client().await;
            for (name, password) in [("bo", "wrong"), ("nobody", PASSWORD)] {
                let again = (303, "/login".to_owned());
                assert_eq!(fill(&stranger, "/login", name, password).await, again);
            }
            let page = stranger.get("/login").await;
            assert!(page.text().contains("no name and its password"));
        });
    }

    #[test]
    fn a_name_is_registered_once_and_a_password_is_long() {
        testing::run(async {
            let mine = client().await;
            assert_eq!(fill(&mine, "/register", "cy", "short").await.0, 422);
            assert_eq!(fill(&mine, "/register", "cy", PASSWORD).await.0, 303);
            let other = client().await;
            assert_eq!(fill(&other, "/register", "cy", PASSWORD).await.0, 422);
        });
    }

    #[test]
    fn a_form_of_another_site_is_refused() {
        testing::run(async {
            let mine = client().await;
            mine.get("/login").await;
            let headers = [
                ("content-type", "application/x-www-form-urlencoded"),
                ("sec-fetch-site", "cross-site"),
            ];
            let form = format!("name=ali&password={}", PASSWORD.replace(' ', "+"));
            let response = mine.request(Method::POST, "/login", &headers, form).await;
            assert_eq!(response.status(), 403);
        });
    }
}
