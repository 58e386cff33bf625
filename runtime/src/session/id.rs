//! What a session is known by: numbers from the system's generator, signed so that nobody else can make one.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac_sha256::HMAC;

use crate::error::{Error, Result};

/// How many random bytes an id has: 144 bits, which fill their base64.
const ID_BYTES: usize = 18;
const ID_LENGTH: usize = 24;
const SIGNATURE_BYTES: usize = 32;
/// The length of a signed id: the id, a dot, and the signature.
pub(super) const SIGNED_LENGTH: usize = ID_LENGTH + 1 + 43;
/// The fewest bytes that a key may have.
const KEY_BYTES: usize = 32;

/// What one key signs is kept apart by what it begins with.
const FOR_COOKIES: &[u8] = b"nova session cookie\0";
const FOR_FORMS: &[u8] = b"nova csrf token\0";

/// A session's id. Not shown by `Debug`: who knows it and the key is that session's user.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Id(String);

/// The secret that ids are signed with.
pub(super) struct Key(Vec<u8>);

impl Id {
    pub(super) fn new() -> Result<Self> {
        let mut bytes = [0; ID_BYTES];
        fill(&mut bytes)?;
        Ok(Self(BASE64_URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// What a store knows the session by.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Key {
    /// # Errors
    /// When it is too short to be a secret.
    pub(super) fn of(secret: &str) -> Result<Self> {
        let length = secret.len();
        if length < KEY_BYTES {
            return Err(Error::new(format!(
                "session.key has {length} bytes, and must have {KEY_BYTES} or more: `openssl rand -hex 32` makes one"
            )));
        }
        Ok(Self(secret.as_bytes().to_vec()))
    }

    /// A key for as long as the process lives.
    pub(super) fn random() -> Result<Self> {
        let mut bytes = vec![0; KEY_BYTES];
        fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// The value of the cookie.
    pub(super) fn sign(&self, id: &Id) -> String {
        let signature = self.mac(FOR_COOKIES, id).finalize();
        format!("{}.{}", id.0, BASE64_URL_SAFE_NO_PAD.encode(signature))
    }

    /// The id in a cookie's value, where the signature is ours.
    pub(super) fn verify(&self, value: &str) -> Option<Id> {
        let (id, signature) = value.split_once('.')?;
        if id.len() != ID_LENGTH {
            return None;
        }
        let mut bytes = [0; SIGNATURE_BYTES];
        let length = BASE64_URL_SAFE_NO_PAD.decode_slice(signature, &mut bytes).ok()?;
        let id = Id(id.to_owned());
        (length == SIGNATURE_BYTES && self.mac(FOR_COOKIES, &id).finalize_verify(&bytes)).then_some(id)
    }

    /// What a form's token is made of: it says nothing of the id.
    pub(super) fn form_secret(&self, id: &Id) -> [u8; 32] {
        self.mac(FOR_FORMS, id).finalize()
    }

    /// Whether this is the [`form_secret`](Self::form_secret), found out in the same time whatever it is.
    pub(super) fn is_form_secret(&self, id: &Id, secret: &[u8; 32]) -> bool {
        self.mac(FOR_FORMS, id).finalize_verify(secret)
    }

    fn mac(&self, purpose: &[u8], id: &Id) -> HMAC {
        let mut mac = HMAC::new(&self.0);
        mac.update(purpose);
        mac.update(&id.0);
        mac
    }
}

/// Fills a slice with bytes from the system's generator.
pub(super) fn fill(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes).map_err(|error| Error::new(format!("the system gives no random bytes: {error}")))
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Id")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn an_id_is_verified_by_its_own_key_alone() {
        let (key, other) = (Key::of(SECRET).unwrap(), Key::random().unwrap());
        let id = Id::new().unwrap();
        let signed = key.sign(&id);
        assert_eq!(signed.len(), SIGNED_LENGTH);
        assert_eq!(key.verify(&signed), Some(id));
        assert_eq!(other.verify(&signed), None);
    }

    #[test]
    fn no_two_ids_are_the_same() {
        let ids: std::collections::BTreeSet<_> = (0..1000).map(|_| Id::new().unwrap().0).collect();
        assert_eq!(ids.len(), 1000);
    }

    #[test]
    fn a_signature_is_for_one_purpose() {
        let key = Key::of(SECRET).unwrap();
        let id = Id::new().unwrap();
        let secret = key.form_secret(&id);
        assert!(key.is_form_secret(&id, &secret));
        assert!(!key.is_form_secret(&Id::new().unwrap(), &secret));
        let forged = format!("{}.{}", id.0, BASE64_URL_SAFE_NO_PAD.encode(secret));
        assert_eq!(key.verify(&forged), None);
    }

    #[test]
    fn a_short_key_says_how_to_make_one() {
        let error = Key::of("secret").err().unwrap().to_string();
        assert!(error.contains("6 bytes") && error.contains("openssl rand"), "{error}");
        assert!(!error.contains("secret "), "{error}");
    }

    proptest! {
        #[test]
        fn one_changed_character_is_a_forgery(at in 0..SIGNED_LENGTH, with in "[ -~]") {
            let key = Key::of(SECRET).unwrap();
            let signed = key.sign(&Id::new().unwrap());
            let mut changed = signed.clone();
            changed.replace_range(at..=at, &with);
            prop_assume!(changed != signed);
            prop_assert_eq!(key.verify(&changed), None);
        }

        #[test]
        fn nothing_else_is_verified(value in "\\PC{0,100}") {
            prop_assert_eq!(Key::of(SECRET).unwrap().verify(&value), None);
        }
    }
}
