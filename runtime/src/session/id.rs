//! What a session is known by: numbers from the system's generator, signed so that nobody else can make one.

use std::fmt;
use std::sync::OnceLock;

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

/// A secret that ids are signed with.
struct Key(Vec<u8>);

/// The secrets of an application: the first signs, and all verify.
pub(super) struct Keys {
    own: Vec<Key>,
    /// Whether there is one alone, which nobody has chosen.
    by_lot: bool,
    /// That of the process before this one, in place of one by lot.
    inherited: OnceLock<Key>,
}

/// An id that was verified.
#[derive(Debug)]
pub(super) struct Verified {
    pub(super) id: Id,
    /// Whether it was signed with a key that does not sign any more.
    pub(super) by_old_key: bool,
}

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
    fn signature(&self, purpose: &[u8], id: &Id) -> HMAC {
        let mut mac = HMAC::new(&self.0);
        mac.update(purpose);
        mac.update(&id.0);
        mac
    }
}

impl Keys {
    /// # Errors
    /// When there is none, or one is too short to be a secret.
    pub(super) fn of(secrets: &[String]) -> Result<Self> {
        if secrets.is_empty() {
            return Err(Error::new("session.key is a list without a key"));
        }
        if let Some(short) = secrets.iter().find(|secret| secret.len() < KEY_BYTES) {
            let (length, which) = match secrets.len() {
                1 => (short.len(), ""),
                _ => (short.len(), "one of "),
            };
            return Err(Error::new(format!(
                "{which}session.key has {length} bytes, and must have {KEY_BYTES} or more: `openssl rand -hex 32` makes one"
            )));
        }
        Ok(Self {
            own: secrets.iter().map(|secret| Key(secret.as_bytes().to_vec())).collect(),
            by_lot: false,
            inherited: OnceLock::new(),
        })
    }

    /// A key for as long as the process lives, and those that take over from it.
    pub(super) fn by_lot() -> Result<Self> {
        let mut bytes = vec![0; KEY_BYTES];
        fill(&mut bytes)?;
        Ok(Self {
            own: vec![Key(bytes)],
            by_lot: true,
            inherited: OnceLock::new(),
        })
    }

    /// The key by lot that another process is to go on with.
    pub(super) fn lot(&self) -> Option<String> {
        let key = self.all().next().filter(|_| self.by_lot)?;
        Some(BASE64_URL_SAFE_NO_PAD.encode(&key.0))
    }

    /// Goes on with the key by lot of another process, where this one has none of its own. Before it signs anything.
    pub(super) fn inherit(&self, lot: &str) {
        if let Ok(bytes) = BASE64_URL_SAFE_NO_PAD.decode(lot)
            && self.by_lot
            && bytes.len() >= KEY_BYTES
        {
            // The first is the one.
            let _ = self.inherited.set(Key(bytes));
        }
    }

    fn all(&self) -> impl Iterator<Item = &Key> {
        self.inherited.get().into_iter().chain(&self.own)
    }

    /// The value of the cookie.
    pub(super) fn sign(&self, id: &Id) -> String {
        let signature = self.mac(FOR_COOKIES, id);
        format!("{}.{}", id.0, BASE64_URL_SAFE_NO_PAD.encode(signature))
    }

    /// The id in a cookie's value, where the signature is ours.
    pub(super) fn verify(&self, value: &str) -> Option<Verified> {
        let (id, signature) = value.split_once('.')?;
        if id.len() != ID_LENGTH {
            return None;
        }
        let mut bytes = [0; SIGNATURE_BYTES];
        let length = BASE64_URL_SAFE_NO_PAD.decode_slice(signature, &mut bytes).ok()?;
        let id = Id(id.to_owned());
        let is_by = |key: &Key| key.signature(FOR_COOKIES, &id).finalize_verify(&bytes);
        let place = self.all().position(is_by).filter(|_| length == SIGNATURE_BYTES)?;
        Some(Verified {
            by_old_key: place > 0,
            id,
        })
    }

    /// What a form's token is made of: it says nothing of the id.
    pub(super) fn form_secret(&self, id: &Id) -> [u8; 32] {
        self.mac(FOR_FORMS, id)
    }

    /// Whether this is a [`form_secret`](Self::form_secret), found out in the same time whatever it is.
    pub(super) fn is_form_secret(&self, id: &Id, secret: &[u8; 32]) -> bool {
        self.all()
            .any(|key| key.signature(FOR_FORMS, id).finalize_verify(secret))
    }

    fn mac(&self, purpose: &[u8], id: &Id) -> [u8; 32] {
        // There is a first.
        let signed = self.all().next().map(|key| key.signature(purpose, id).finalize());
        signed.unwrap_or_default()
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

    const OTHER: &str = "another key of some 32 bytes, and more";

    fn keys(secrets: &[&str]) -> Keys {
        Keys::of(&secrets.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn an_id_is_verified_by_its_own_key_alone() {
        let (key, other) = (keys(&[SECRET]), Keys::by_lot().unwrap());
        let id = Id::new().unwrap();
        let signed = key.sign(&id);
        assert_eq!(signed.len(), SIGNED_LENGTH);
        assert_eq!(key.verify(&signed).unwrap().id, id);
        assert!(other.verify(&signed).is_none());
    }

    #[test]
    fn of_several_keys_the_first_signs_and_all_verify() {
        let (old, both, new) = (keys(&[OTHER]), keys(&[SECRET, OTHER]), keys(&[SECRET]));
        let id = Id::new().unwrap();
        assert!(both.verify(&old.sign(&id)).unwrap().by_old_key);
        assert!(both.is_form_secret(&id, &old.form_secret(&id)));
        assert!(!new.verify(&both.sign(&id)).unwrap().by_old_key);
        assert!(new.is_form_secret(&id, &both.form_secret(&id)));
        assert!(new.verify(&old.sign(&id)).is_none());
    }

    #[test]
    fn a_key_by_lot_is_inherited_and_one_that_was_chosen_is_not() {
        let (before, after, chosen) = (Keys::by_lot().unwrap(), Keys::by_lot().unwrap(), keys(&[SECRET]));
        let id = Id::new().unwrap();
        let lot = before.lot().unwrap();
        after.inherit(&lot);
        chosen.inherit(&lot);
        assert!(!after.verify(&before.sign(&id)).unwrap().by_old_key);
        assert_eq!(after.lot(), before.lot());
        assert!(chosen.verify(&before.sign(&id)).is_none() && chosen.lot().is_none());
    }

    #[test]
    fn no_two_ids_are_the_same() {
        let ids: std::collections::BTreeSet<_> = (0..1000).map(|_| Id::new().unwrap().0).collect();
        assert_eq!(ids.len(), 1000);
    }

    #[test]
    fn a_signature_is_for_one_purpose() {
        let key = keys(&[SECRET]);
        let id = Id::new().unwrap();
        let secret = key.form_secret(&id);
        assert!(key.is_form_secret(&id, &secret));
        assert!(!key.is_form_secret(&Id::new().unwrap(), &secret));
        let forged = format!("{}.{}", id.0, BASE64_URL_SAFE_NO_PAD.encode(secret));
        assert!(key.verify(&forged).is_none());
    }

    #[test]
    fn a_short_key_says_how_to_make_one() {
        let error = Keys::of(&["secret".to_owned()]).err().unwrap().to_string();
        assert!(error.contains("6 bytes") && error.contains("openssl rand"), "{error}");
        assert!(!error.contains("secret "), "{error}");
    }

    proptest! {
        #[test]
        fn one_changed_character_is_a_forgery(at in 0..SIGNED_LENGTH, with in "[ -~]") {
            let key = keys(&[SECRET]);
            let signed = key.sign(&Id::new().unwrap());
            let mut changed = signed.clone();
            changed.replace_range(at..=at, &with);
            prop_assume!(changed != signed);
            prop_assert!(key.verify(&changed).is_none());
        }

        #[test]
        fn nothing_else_is_verified(value in "\\PC{0,100}") {
            prop_assert!(keys(&[SECRET]).verify(&value).is_none());
        }
    }
}
