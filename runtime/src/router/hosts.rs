//! Which routes answer which host.

use std::collections::BTreeMap;

use axum::Router;
use axum::extract::Request;
use http::header;

use super::literal::Literals;

/// A table for each host that has routes of its own, and one for all others. A path that a host's own does not know goes on
/// to that.
pub(super) struct Hosts {
    own: BTreeMap<String, Table>,
    any: Table,
}

/// The routes of a host.
pub(super) struct Table {
    /// These are asked first.
    pub(super) literals: Literals,
    pub(super) router: Router,
}

impl Hosts {
    pub(super) fn new(own: BTreeMap<String, Table>, any: Table) -> Self {
        Self { own, any }
    }

    pub(super) fn table(&self, request: &Request) -> &Table {
        if self.own.is_empty() {
            return &self.any;
        }
        let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
        let host = host
            .or_else(|| request.uri().host())
            .map(|host| without_port(host).to_ascii_lowercase());
        host.and_then(|host| self.own.get(&host)).unwrap_or(&self.any)
    }
}

/// The name in a `host` header: the colons of an IPv6 address, in brackets, begin no port.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::without_port;

    proptest! {
        #[test]
        fn what_is_left_of_a_host_has_no_port(
            name in "([a-z0-9.-]{1,20}|\\[[0-9a-f:]{2,20}\\])",
            port in "(:[0-9]{0,5})?",
        ) {
            let host = format!("{name}{port}");
            prop_assert_eq!(without_port(&host), name);
        }
    }

    #[test]
    fn a_port_is_cut_off_the_name() {
        assert_eq!(without_port("a.example:80"), "a.example");
        assert_eq!(without_port("a.example"), "a.example");
        assert_eq!(without_port("[::1]:80"), "[::1]");
        assert_eq!(without_port("[::1]"), "[::1]");
    }
}
