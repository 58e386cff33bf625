//! Accounts: names, and what is left of their passwords.
//!
//! They are kept in memory, and gone when the program ends. With a database behind the two functions, nothing else changes.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};

/// The hash of each name's password.
static ACCOUNTS: LazyLock<Mutex<HashMap<String, String>>> = LazyLock::new(Mutex::default);

/// What the password of a name that nobody has is compared with, which takes as long as any other.
static NOBODY: LazyLock<String> = LazyLock::new(|| hash("").unwrap_or_default());

fn accounts() -> MutexGuard<'static, HashMap<String, String>> {
    ACCOUNTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Adds an account. Whether the name was free.
pub async fn insert(name: &str, password: String) -> nova::Result<bool> {
    if accounts().contains_key(name) {
        return Ok(false);
    }
    let hash = tokio::task::spawn_blocking(move || hash(&password)).await??;
    let mut accounts = accounts();
    if accounts.contains_key(name) {
        return Ok(false);
    }
    accounts.insert(name.to_owned(), hash);
    Ok(true)
}

/// Whether it is the password of that name.
pub async fn matches(name: &str, password: String) -> nova::Result<bool> {
    let known = accounts().get(name).cloned();
    // To hash is work on purpose: it has a thread of its own.
    let compare = move || -> nova::Result<bool> {
        let expected = PasswordHash::new(known.as_ref().unwrap_or(&NOBODY))?;
        let result = Argon2::default().verify_password(password.as_bytes(), &expected);
        Ok(result.is_ok() && known.is_some())
    };
    tokio::task::spawn_blocking(compare).await?
}

/// Argon2id with a salt of its own, and parameters that are written into the hash.
fn hash(password: &str) -> nova::Result<String> {
    let hash = Argon2::default().hash_password(password.as_bytes())?;
    Ok(hash.to_string())
}
