//! Members: who is logged in.

use nova::prelude::*;

/// Asked before what is for members.
pub async fn check(session: Session) -> Access {
    match session.get::<String>("member") {
        Some(_) => Access::allow(),
        None => Access::deny(),
    }
}
