//! The office: who has its cookie.

use nova::prelude::*;

/// Asked before what is below `/admin`.
pub async fn check(session: Session) -> Access {
    match session.get::<bool>("office") {
        Some(true) => Access::allow(),
        _ => Access::deny(),
    }
}
