//! Whom all this is for: the person at this machine, and the pages that this machine serves.
//!
//! The peer must be this machine; and so must be the host that the request names, since a page of any other site can have
//! its own name lead here (DNS rebinding). A proxy on this machine that says for whom it asks must say that it is for this
//! machine. What changes something or tells of what happens is besides not for pages of other sites.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, Request};
use http::{HeaderMap, Uri, header};

use crate::origin::is_allowed;

/// Whether a request comes from this machine, for this machine.
pub(super) fn is_local(request: &Request) -> bool {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    peer.is_some_and(|peer| is_from_here(peer.0, request.headers()))
}

/// Whether a request of this peer with these headers comes from this machine, for this machine.
pub(super) fn is_from_here(peer: SocketAddr, headers: &HeaderMap) -> bool {
    peer.ip().to_canonical().is_loopback() && host(headers).is_some_and(is_local_host) && !is_for_others(headers)
}

/// Whether a proxy on this machine, as a tunnel's end, says that it asks for somebody elsewhere.
fn is_for_others(headers: &HeaderMap) -> bool {
    let named = ["x-forwarded-for", "x-real-ip"]
        .iter()
        .flat_map(|name| headers.get_all(*name));
    let is_from_here = |value: &http::HeaderValue| {
        let mut addresses = value.to_str().unwrap_or_default().split(',');
        addresses.all(|address| {
            address
                .trim()
                .parse()
                .is_ok_and(|address: IpAddr| address.to_canonical().is_loopback())
        })
    };
    headers.contains_key(header::FORWARDED) || !named.into_iter().all(is_from_here)
}

/// Whether a browser sent it for a page that this server serves, or for none; or no browser did.
pub(super) fn is_same_origin(headers: &HeaderMap, uri: &Uri) -> bool {
    let site = headers.get("sec-fetch-site").map(http::HeaderValue::as_bytes);
    let site_is_own = matches!(site, None | Some(b"same-origin" | b"none"));
    let mut origins = headers.get_all(header::ORIGIN).iter();
    site_is_own && origins.all(|origin| is_allowed(origin, headers, uri, &[]))
}

fn host(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::HOST)?.to_str().ok()
}

/// Whether this names this machine: a name below `localhost` leads nowhere else (RFC 6761 §6.3).
fn is_local_host(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((name, "")) => name,
            Some((name, port)) if is_port(port) => name,
            _ => return false,
        },
        None => match host.split_once(':') {
            Some((name, port)) if port.chars().all(|char| char.is_ascii_digit()) => name,
            Some(_) => return false,
            None => host,
        },
    };
    if let Ok(address) = name.parse::<IpAddr>() {
        return address.to_canonical().is_loopback();
    }
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

fn is_port(text: &str) -> bool {
    text.strip_prefix(':')
        .is_some_and(|port| port.chars().all(|char| char.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn request(peer: &str, host: &str) -> Request {
        let request = Request::builder().header(header::HOST, host);
        let peer: SocketAddr = peer.parse().unwrap();
        request.extension(ConnectInfo(peer)).body(Body::empty()).unwrap()
    }

    #[test]
    fn only_this_machine_is_local_by_its_own_names() {
        for host in [
            "localhost",
            "LocalHost:8080",
            "app.localhost:1",
            "localhost.",
            "127.0.0.1:8080",
            "127.1.2.3",
            "[::1]:8080",
            "[::1]",
        ] {
            assert!(is_local(&request("127.0.0.1:5", host)), "{host}");
            assert!(is_local(&request("[::1]:5", host)), "{host}");
            assert!(is_local(&request("[::ffff:127.0.0.1]:5", host)), "{host}");
            assert!(!is_local(&request("192.168.1.2:5", host)), "{host}");
        }
        for host in [
            "",
            "example.com",
            "evil.example:8080",
            "localhost.evil.example",
            "notlocalhost",
            "127.0.0.1.evil.example",
            "192.168.1.2:8080",
            "[::1",
            "[::1]x",
            "[::2]",
            "localhost:80:80",
            "localhost@evil",
        ] {
            assert!(!is_local(&request("127.0.0.1:5", host)), "{host}");
        }
        let mut without_peer = request("127.0.0.1:5", "localhost");
        without_peer.extensions_mut().clear();
        assert!(!is_local(&without_peer));
    }

    #[test]
    fn what_a_proxy_passes_on_is_local_only_where_it_says_so() {
        let is_local = |name: &'static str, value: &'static str| {
            let mut request = request("127.0.0.1:5", "localhost");
            request
                .headers_mut()
                .insert(name, http::HeaderValue::from_static(value));
            is_local(&request)
        };
        assert!(is_local("x-forwarded-for", "127.0.0.1") && is_local("x-forwarded-for", "::1, 127.0.0.1"));
        assert!(is_local("x-real-ip", "127.0.0.1"));
        for other in [
            "203.0.113.7",
            "127.0.0.1, 203.0.113.7",
            "203.0.113.7, 127.0.0.1",
            "unknown",
            "",
        ] {
            assert!(
                !is_local("x-forwarded-for", other) && !is_local("x-real-ip", other),
                "{other}"
            );
        }
        assert!(!is_local("forwarded", "for=203.0.113.7"));
    }

    #[test]
    fn pages_of_other_sites_are_told_apart() {
        let check = |headers: &[(&'static str, &'static str)]| {
            let mut map = HeaderMap::new();
            map.insert(header::HOST, "localhost:8080".parse().unwrap());
            map.extend(headers.iter().map(|(name, value)| {
                let name = http::HeaderName::from_static(name);
                (name, http::HeaderValue::from_static(value))
            }));
            is_same_origin(&map, &Uri::from_static("/"))
        };
        assert!(check(&[]));
        assert!(check(&[
            ("sec-fetch-site", "same-origin"),
            ("origin", "http://localhost:8080")
        ]));
        assert!(check(&[("sec-fetch-site", "none")]));
        assert!(!check(&[("sec-fetch-site", "same-site")]));
        assert!(!check(&[("sec-fetch-site", "cross-site")]));
        assert!(!check(&[("origin", "http://localhost:3000")]));
        assert!(!check(&[("origin", "null")]));
        assert!(!check(&[("origin", "https://evil.example")]));
    }
}
