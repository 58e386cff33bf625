//! Who sent a request: the peer of its connection, or whom a proxy names that is believed.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use axum::extract::{ConnectInfo, FromRequestParts, Request};
use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderName};
use serde::Deserialize;

use crate::error::Error;
use crate::scope;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Who sent a request, and whether over TLS: an extractor.
///
/// By default that is the peer of the connection, and no header is believed, for any client can send one. Behind proxies the
/// setting `server.trusted_proxies` names theirs:
///
/// ```toml
/// [env.prod.server]
/// trusted_proxies = ["10.0.0.0/8", "::1"]
/// ```
///
/// From one of these `x-forwarded-for` is read from its end, where each proxy has added whom it was asked by: the client is
/// the first address there that is no trusted proxy's. What stands before it anybody may have written. Where something is
/// no address, the client is the last that was believed. Whether it was asked over TLS is the last word of
/// `x-forwarded-proto`: `https` or another; a proxy has to set that itself, or it passes on what the client says. The header
/// `forwarded` (RFC 7239) is not read: a proxy that does not know it passes on what the client says, too.
///
/// `nova::middleware::RateLimit` tells clients apart by it. `ConnectInfo` stays the peer.
///
/// ```
/// use nova::Client;
/// use nova::prelude::*;
///
/// async fn who(client: Client) -> String {
///     format!("{} {}", client.address, client.is_secure)
/// }
/// # fn routes() -> Routes { Routes::new().group(Group::new("/").get("/", who)) }
/// # nova::testing::run(async {
/// # assert_eq!(nova::testing::app(routes).get("/").await.text(), "127.0.0.1 false");
/// # });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Client {
    /// Its address. An IPv4 address is one, also where it came as an IPv6 one.
    pub address: IpAddr,
    /// Whether it asked over TLS.
    pub is_secure: bool,
}

/// The proxies that are believed.
#[derive(Debug, Default)]
pub(crate) struct Proxies {
    trusted: Vec<Network>,
}

/// An address, or all that begin with the same bits (RFC 4632 §3.1, RFC 4291 §2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Network {
    address: IpAddr,
    bits: u32,
}

impl Proxies {
    pub(crate) fn new(trusted: Vec<Network>) -> Self {
        Self { trusted }
    }

    /// Notes in a request for whom it was passed on, where one that is believed has done so.
    pub(crate) fn note(&self, request: &mut Request) {
        if self.trusted.is_empty() {
            return;
        }
        let Some(ConnectInfo(peer)) = request.extensions().get::<ConnectInfo<SocketAddr>>() else {
            return;
        };
        let peer = peer.ip().to_canonical();
        if self.trusts(peer) {
            let client = self.client(peer, request.headers());
            request.extensions_mut().insert(client);
        }
    }

    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> Client {
        let mut address = peer;
        for named in from_the_end(headers, &FORWARDED_FOR) {
            let Some(named) = named.and_then(address_of) else { break };
            address = named;
            if !self.trusts(address) {
                break;
            }
        }
        let scheme = from_the_end(headers, &FORWARDED_PROTO).next().flatten();
        Client {
            address,
            is_secure: scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("https")),
        }
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.has(address))
    }
}

/// The parts of a list, the last first (RFC 9110 §5.6.1); `None` for what is no text.
fn from_the_end<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = Option<&'a str>> {
    let lines: Vec<_> = headers.get_all(name).iter().collect();
    lines.into_iter().rev().flat_map(|line| match line.to_str() {
        Ok(line) => line.rsplit(',').map(|part| Some(part.trim())).collect(),
        Err(_) => vec![None],
    })
}

/// An address as proxies write it: some with a port.
fn address_of(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let address = match bare {
        Some(bare) => bare.parse::<Ipv6Addr>().ok().map(IpAddr::from),
        None => text.parse().ok(),
    };
    let address = address.or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    address.map(|address| address.to_canonical())
}

impl Network {
    fn has(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                (network.to_bits() ^ address.to_bits()).leading_zeros() >= self.bits
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                (network.to_bits() ^ address.to_bits()).leading_zeros() >= self.bits
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no address, as `10.0.0.7`, and no network, as `10.0.0.0/8`");
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => most,
            Some(bits) if bits.bytes().all(|byte| byte.is_ascii_digit()) => bits.parse().map_err(|_| wrong())?,
            Some(_) => return Err(wrong()),
        };
        if bits > most {
            return Err(wrong());
        }
        if bits == 0 {
            return Err(format!("{text:?} is everybody: then any client could say who it is"));
        }
        // An IPv4 network that is written as an IPv6 one.
        let network = match address.to_canonical() {
            IpAddr::V4(address) if most == 128 && bits > 96 => Self {
                address: address.into(),
                bits: bits - 96,
            },
            IpAddr::V4(_) if most == 128 => return Err(wrong()),
            address => Self { address, bits },
        };
        Ok(network)
    }
}

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// The client's address, where the request came over a connection.
pub(crate) fn address(extensions: &Extensions) -> Option<IpAddr> {
    let forwarded = extensions.get::<Client>().map(|client| client.address);
    forwarded.or_else(|| {
        let ConnectInfo(peer) = extensions.get::<ConnectInfo<SocketAddr>>()?;
        Some(peer.ip().to_canonical())
    })
}

impl<S: Send + Sync> FromRequestParts<S> for Client {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Error> {
        if let Some(client) = parts.extensions.get::<Self>() {
            return Ok(*client);
        }
        let address = address(&parts.extensions);
        Ok(Self {
            address: address.ok_or_else(|| Error::new("this request came without a connection"))?,
            is_secure: scope::values(parts)?.is_tls,
        })
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn proxies(trusted: &[&str]) -> Proxies {
        Proxies::new(trusted.iter().map(|network| network.parse().unwrap()).collect())
    }

    fn noted(trusted: &[&str], peer: &str, headers: &[(&str, &str)]) -> Option<(String, bool)> {
        let mut request = Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let peer: SocketAddr = peer.parse().unwrap();
        let mut request = request.extension(ConnectInfo(peer)).body(Body::empty()).unwrap();
        proxies(trusted).note(&mut request);
        let client = request.extensions().get::<Client>();
        client.map(|client| (client.address.to_string(), client.is_secure))
    }

    fn address(trusted: &[&str], forwarded: &[&str]) -> String {
        let headers: Vec<_> = forwarded.iter().map(|line| ("x-forwarded-for", *line)).collect();
        noted(trusted, "10.0.0.1:5", &headers).unwrap().0
    }

    #[test]
    fn nobody_is_believed_who_is_not_in_the_list() {
        let headers = [("x-forwarded-for", "203.0.113.7"), ("x-forwarded-proto", "https")];
        assert_eq!(noted(&[], "10.0.0.1:5", &headers), None);
        assert_eq!(noted(&["10.0.0.0/8"], "11.0.0.1:5", &headers), None);
        assert_eq!(noted(&["::1"], "[::2]:5", &headers), None);
        let believed = Some(("203.0.113.7".to_owned(), true));
        assert_eq!(noted(&["10.0.0.0/8"], "10.255.0.1:5", &headers), believed);
        assert_eq!(noted(&["10.0.0.0/8"], "[::ffff:10.0.0.1]:5", &headers), believed);
        assert_eq!(noted(&["::ffff:10.0.0.0/104"], "10.0.0.1:5", &headers), believed);
        assert_eq!(noted(&["2001:db8::/32"], "[2001:db8:7::1]:5", &headers), believed);
    }

    #[test]
    fn the_client_is_the_last_that_is_no_trusted_proxy() {
        let trusted = ["10.0.0.0/8"];
        assert_eq!(address(&trusted, &[]), "10.0.0.1");
        assert_eq!(address(&trusted, &["203.0.113.7"]), "203.0.113.7");
        // What the client wrote itself.
        assert_eq!(address(&trusted, &["1.1.1.1, 203.0.113.7"]), "203.0.113.7");
        assert_eq!(address(&trusted, &["10.0.0.9, 203.0.113.7"]), "203.0.113.7");
        assert_eq!(address(&trusted, &["1.1.1.1", "203.0.113.7"]), "203.0.113.7");
        assert_eq!(
            address(&trusted, &["1.1.1.1, 203.0.113.7, 10.0.0.2", "10.0.0.3"]),
            "203.0.113.7"
        );
        // All of them are trusted: the first.
        assert_eq!(address(&trusted, &["10.0.0.4, 10.0.0.3"]), "10.0.0.4");
        // What is no address is nobody: the last that was believed counts.
        for nonsense in [
            "",
            "unknown",
            "_hidden",
            "203.0.113.7.1",
            "203.0.113.7;",
            "1.1.1.1 203.0.113.7",
        ] {
            assert_eq!(address(&trusted, &[nonsense]), "10.0.0.1", "{nonsense}");
            let behind = format!("203.0.113.7, {nonsense}, 10.0.0.2");
            assert_eq!(address(&trusted, &[&behind]), "10.0.0.2", "{nonsense}");
        }
    }

    #[test]
    fn addresses_are_read_as_proxies_write_them() {
        for (written, read) in [
            ("203.0.113.7:5000", "203.0.113.7"),
            ("2001:db8::7", "2001:db8::7"),
            ("[2001:db8::7]", "2001:db8::7"),
            ("[2001:db8::7]:5000", "2001:db8::7"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
        ] {
            assert_eq!(address(&["10.0.0.1"], &[written]), read);
        }
    }

    #[test]
    fn tls_is_what_the_nearest_proxy_says_last() {
        let is_secure = |lines: &[&str]| {
            let headers: Vec<_> = lines.iter().map(|line| ("x-forwarded-proto", *line)).collect();
            noted(&["10.0.0.1"], "10.0.0.1:5", &headers).unwrap().1
        };
        assert!(is_secure(&["https"]) && is_secure(&["HTTPS"]) && is_secure(&["http, https"]));
        assert!(is_secure(&["http", "https"]));
        assert!(!is_secure(&[]) && !is_secure(&["http"]) && !is_secure(&["https, http"]) && !is_secure(&["httpss"]));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for wrong in [
            "",
            "localhost",
            "10.0.0.0/33",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "::/129",
            "10.0.0/8",
            "::ffff:0.0.0.0/90",
        ] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
        for everybody in ["0.0.0.0/0", "::/0"] {
            let error = everybody.parse::<Network>().unwrap_err();
            assert!(error.contains("is everybody"), "{error}");
        }
    }
}
