//! Members: who is logged in.

use nova::prelude::*;

/// Where the session has the member's name.
pub const KEY: &str = "member";

/// Who is logged in. A controller takes it as `AuthData(member): AuthData<Member>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub name: String,
}

/// Asked before every route of a group with `.security(member::check)`: others are sent to log in.
pub async fn check(session: Session) -> Access {
    match session.get::<String>(KEY) {
        Some(name) => Access::allow_with(Member { name }),
        None => Access::redirect("/login"),
    }
}
