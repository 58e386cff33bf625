//! What a page's content security policy lets us do in it (CSP Level 3).

use http::{HeaderMap, header};

/// What the script needs under a policy.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Leave {
    /// It may run, and listen to the server.
    Granted,
    /// It may with this nonce.
    WithNonce(String),
    /// It would be blocked.
    Refused,
}

/// Asks all policies of a response: each must let the script run, and connect to where it came from.
pub(super) fn ask(headers: &HeaderMap) -> Leave {
    let mut nonce = None;
    for value in headers.get_all(header::CONTENT_SECURITY_POLICY) {
        let Ok(value) = value.to_str() else {
            return Leave::Refused;
        };
        for policy in value.split(',') {
            match ask_one(policy) {
                Leave::Granted => {}
                // An element has one nonce.
                Leave::WithNonce(other) if nonce.as_ref().is_none_or(|nonce| *nonce == other) => nonce = Some(other),
                _ => return Leave::Refused,
            }
        }
    }
    nonce.map_or(Leave::Granted, Leave::WithNonce)
}

fn ask_one(policy: &str) -> Leave {
    let directive = |name: &str| {
        policy.split(';').find_map(|directive| {
            let mut words = directive.split_ascii_whitespace();
            words.next().filter(|first| first.eq_ignore_ascii_case(name))?;
            Some(words.collect::<Vec<_>>())
        })
    };
    let first_of = |names: &[&str]| names.iter().find_map(|name| directive(name));
    let is_sandboxed = directive("sandbox").is_some_and(|flags| {
        ["allow-scripts", "allow-same-origin"]
            .iter()
            .any(|needed| !flags.iter().any(|flag| flag.eq_ignore_ascii_case(needed)))
    });
    let connects = first_of(&["connect-src", "default-src"]).is_none_or(|sources| sources.iter().any(|s| is_own(s)));
    if is_sandboxed || !connects {
        return Leave::Refused;
    }
    let Some(sources) = first_of(&["script-src-elem", "script-src", "default-src"]) else {
        return Leave::Granted;
    };
    // With it, sources are not asked; without it, they are, beside nonces.
    let is_strict = sources
        .iter()
        .any(|source| source.eq_ignore_ascii_case("'strict-dynamic'"));
    if !is_strict && sources.iter().any(|source| is_own(source)) {
        return Leave::Granted;
    }
    let nonce = sources
        .iter()
        .find_map(|source| source.strip_prefix("'nonce-")?.strip_suffix('\''));
    nonce.map_or(Leave::Refused, |nonce| Leave::WithNonce(nonce.to_owned()))
}

/// Whether a source surely includes the server itself.
fn is_own(source: &str) -> bool {
    source == "*" || source.eq_ignore_ascii_case("'self'")
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn leave(policies: &[&'static str]) -> Leave {
        let policies = policies.iter().map(|policy| HeaderValue::from_static(policy));
        ask(&policies
            .map(|policy| (header::CONTENT_SECURITY_POLICY, policy))
            .collect())
    }

    #[test]
    fn a_policy_that_names_the_server_itself_grants_leave() {
        assert_eq!(leave(&[]), Leave::Granted);
        assert_eq!(leave(&["frame-ancestors 'none'"]), Leave::Granted);
        assert_eq!(leave(&["default-src 'self'"]), Leave::Granted);
        assert_eq!(leave(&["script-src *; img-src 'none'"]), Leave::Granted);
        assert_eq!(
            leave(&["default-src 'none'; Script-Src 'SELF'; connect-src 'self'"]),
            Leave::Granted
        );
        assert_eq!(leave(&["sandbox allow-scripts allow-same-origin"]), Leave::Granted);
    }

    #[test]
    fn a_nonce_is_used_where_there_is_no_other_way() {
        let nonce = || Leave::WithNonce("abc".to_owned());
        assert_eq!(leave(&["script-src 'nonce-abc'"]), nonce());
        assert_eq!(leave(&["script-src 'self' 'nonce-abc' 'strict-dynamic'"]), nonce());
        assert_eq!(leave(&["script-src 'self' 'nonce-abc'"]), Leave::Granted);
        assert_eq!(leave(&["script-src 'nonce-abc'", "default-src 'self'"]), nonce());
        assert_eq!(
            leave(&["script-src 'nonce-abc', script-src 'nonce-def'"]),
            Leave::Refused
        );
    }

    #[test]
    fn a_policy_that_would_block_it_refuses() {
        for policy in [
            "default-src 'none'",
            "script-src 'none'",
            "script-src https://cdn.example",
            "script-src-elem 'sha256-x'; script-src 'self'",
            "script-src 'self'; connect-src 'none'",
            "script-src 'self' 'strict-dynamic'",
            "sandbox",
            "sandbox allow-scripts",
        ] {
            assert_eq!(leave(&[policy]), Leave::Refused, "{policy}");
            assert_eq!(leave(&["default-src 'self'", policy]), Leave::Refused, "{policy}");
        }
    }
}
