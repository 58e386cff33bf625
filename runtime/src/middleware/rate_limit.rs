//! How many requests a client may make.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::IntoResponse as _;
use axum::routing::Route;
use governor::clock::{Clock as _, DefaultClock};
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::{Quota, RateLimiter};
use http::{HeaderValue, header};
use tower::Layer;

use super::{Answer, Applied, applied};
use crate::client;
use crate::problem::Problem;

/// How many clients are remembered.
const CAPACITY: usize = 65_536;
/// How long a name may be that is remembered as it is, in bytes: a longer one may be a stranger's, who fills the memory.
const MAX_NAME: usize = 64;
/// How often those are looked for that may be forgotten.
const SWEEP_EVERY: u64 = 1_000_000_000;

/// Lets each client make so many requests and no more: what is over that is 429 with `retry-after` and its status page,
/// before anything else is done for it.
///
/// A client is its [address](crate::Client), or for IPv6 its network of 64 bits. Behind a proxy all have the proxy's, unless
/// `server.trusted_proxies` names it; or a client is what a [function](Self::by) of the request says. What is allowed fills up again evenly, up to a
/// [burst](Self::burst). All routes that have the same layer count together; those of another value count apart.
///
/// At most 65,536 clients are remembered, about 100 bytes each. A client that could make its whole burst again is forgotten
/// when there is need; while there are more than that, new ones share one allowance, so that a flood from everywhere meets a
/// limit too.
///
/// ```
/// use nova::middleware::RateLimit;
/// use nova::prelude::*;
///
/// # async fn login() -> Reply { Reply::status(204) }
/// # fn routes() -> Routes {
/// Routes::new().group(
///     Group::new("/login").layer(RateLimit::per_minute(5).burst(2)).get("/", login),
/// )
/// # }
/// # nova::testing::run(async {
/// let mut app = nova::testing::app(routes);
/// assert_eq!(app.get("/login").await.status(), 204);
/// assert_eq!(app.get("/login").await.status(), 204);
/// let refused = app.get("/login").await;
/// assert_eq!((refused.status(), refused.header("retry-after")), (429, Some("12")));
/// # });
/// ```
///
/// It counts in this process. Several nodes allow several times as much.
#[derive(Clone)]
#[must_use = "it is a layer"]
pub struct RateLimit {
    quota: Quota,
    capacity: usize,
    key: Arc<KeyOf>,
    limiter: Arc<Limiter>,
}

type KeyOf = dyn Fn(&Request) -> Option<Key> + Send + Sync;
type Limiter = RateLimiter<Option<Key>, Clients, DefaultClock>;

/// Who makes a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Peer(IpAddr),
    Named(Box<str>),
    /// A name that is longer than [`MAX_NAME`], by its hash.
    Long(u64),
}

impl RateLimit {
    /// So many requests a second, and as many at once. None is taken for one.
    pub fn per_second(count: u32) -> Self {
        Self::new(Quota::per_second(at_least_one(count)))
    }

    /// So many requests a minute, and as many at once. None is taken for one.
    pub fn per_minute(count: u32) -> Self {
        Self::new(Quota::per_minute(at_least_one(count)))
    }

    /// So many requests an hour, and as many at once. None is taken for one.
    pub fn per_hour(count: u32) -> Self {
        Self::new(Quota::per_hour(at_least_one(count)))
    }

    fn new(quota: Quota) -> Self {
        Self::made(quota, CAPACITY, Arc::new(peer))
    }

    /// With nothing counted yet.
    fn made(quota: Quota, capacity: usize, key: Arc<KeyOf>) -> Self {
        let clients = Clients::new(capacity, quota.replenish_interval());
        let limiter = RateLimiter::new(quota, clients, DefaultClock::default());
        Self {
            quota,
            capacity,
            key,
            limiter: Arc::new(limiter),
        }
    }

    /// Lets a client that has been silent make so many requests at once.
    pub fn burst(self, count: u32) -> Self {
        let quota = self.quota.allow_burst(at_least_one(count));
        Self::made(quota, self.capacity, self.key)
    }

    /// Tells clients apart by something else than their address, as an API key, or the header that a proxy sets and no client
    /// can. All requests for which it is `None` count as one client's.
    ///
    /// ```
    /// use nova::middleware::RateLimit;
    ///
    /// let limit = RateLimit::per_second(10).by(|request| {
    ///     let client = request.headers().get("x-real-ip")?;
    ///     Some(client.to_str().ok()?.to_owned())
    /// });
    /// # let _ = limit;
    /// ```
    pub fn by(self, key: impl Fn(&Request) -> Option<String> + Send + Sync + 'static) -> Self {
        // By lot: nobody can find two names that are taken for one.
        let hasher = RandomState::new();
        let key = move |request: &Request| {
            key(request).map(|name| match name.len() <= MAX_NAME {
                true => Key::Named(name.into()),
                false => Key::Long(hasher.hash_one(name)),
            })
        };
        Self::made(self.quota, self.capacity, Arc::new(key))
    }

    /// Counts a request, or says how long it would have to wait.
    fn check(&self, request: &Request) -> Result<(), Duration> {
        let key = (self.key)(request);
        let limiter = &self.limiter;
        let allowed = limiter.check_key(&key);
        allowed.map_err(|refused| refused.wait_time_from(limiter.clock().now()))
    }
}

fn at_least_one(count: u32) -> NonZeroU32 {
    NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN)
}

fn peer(request: &Request) -> Option<Key> {
    client::address(request.extensions()).map(|address| Key::Peer(network(address)))
}

/// An address, or the part of it that one client has: with IPv6 each has as many of the rest as it likes.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
    }
}

fn apply(State(limit): State<RateLimit>, request: Request, next: Next) -> Answer {
    let Err(wait) = limit.check(&request) else {
        return Box::pin(next.run(request));
    };
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let problem = Problem::new(429).with_detail(format!("Try again in {seconds} s."));
    let mut response = problem.into_response();
    response
        .headers_mut()
        .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    Box::pin(async { response })
}

impl Layer<Route> for RateLimit {
    type Service = Applied<Self>;

    fn layer(&self, route: Route) -> Applied<Self> {
        applied(self, apply, route)
    }
}

impl fmt::Debug for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimit")
            .field("quota", &self.quota)
            .finish_non_exhaustive()
    }
}

/// When each client will have been silent long enough for its whole burst, as far as they are remembered.
struct Clients {
    capacity: usize,
    /// By how much a request moves that time.
    step: Duration,
    /// Held for a look-up, and once a second, while there are too many, for a look at all.
    state: Mutex<Remembered>,
}

#[derive(Default)]
struct Remembered {
    until: HashMap<Option<Key>, Nanos>,
    /// That of all who are too many.
    others: Option<Nanos>,
    swept: u64,
}

impl Clients {
    fn new(capacity: usize, step: Duration) -> Self {
        Self {
            capacity,
            step,
            state: Mutex::default(),
        }
    }
}

impl StateStore for Clients {
    type Key = Option<Key>;

    fn measure_and_replace<T, F, E>(&self, key: &Self::Key, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *state;
        if let Some(until) = state.until.get_mut(key) {
            let (outcome, next) = measure(Some(*until))?;
            *until = next;
            return Ok(outcome);
        }
        let (outcome, next) = measure(None)?;
        // What one that comes for the first time is given is this step after the present.
        let now = next.as_u64().saturating_sub(Nanos::from(self.step).as_u64());
        if state.until.len() >= self.capacity && now >= state.swept + SWEEP_EVERY {
            state.swept = now;
            state.until.retain(|_, until| until.as_u64() > now);
        }
        if state.until.len() >= self.capacity {
            let (outcome, next) = measure(state.others)?;
            state.others = Some(next);
            return Ok(outcome);
        }
        state.until.insert(key.clone(), next);
        Ok(outcome)
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn of(client: &str) -> Request {
        let mut request = Request::new(Body::empty());
        request.extensions_mut().insert(client.to_owned());
        request
    }

    #[test]
    fn who_are_too_many_share_an_allowance_and_the_known_keep_theirs() {
        let key = |request: &Request| {
            request
                .extensions()
                .get::<String>()
                .map(|name| Key::Named(name.as_str().into()))
        };
        let limit = RateLimit::made(Quota::per_hour(at_least_one(2)), 3, Arc::new(key));
        for client in ["a", "b", "c"] {
            assert!(limit.check(&of(client)).is_ok());
        }
        assert!(limit.check(&of("d")).is_ok() && limit.check(&of("e")).is_ok());
        assert!(limit.check(&of("f")).is_err(), "the others have had their two");
        assert!(limit.check(&of("a")).is_ok());
        let wait = limit.check(&of("a")).unwrap_err();
        assert!(
            wait > Duration::from_mins(29) && wait <= Duration::from_hours(1),
            "{wait:?}"
        );
        assert!(
            limit.check(&Request::new(Body::empty())).is_err(),
            "nor are those who have no name"
        );
    }

    #[test]
    fn who_has_been_silent_is_forgotten_for_another() {
        let clients = Clients::new(2, Duration::from_nanos(10));
        let at = |now: u64| {
            move |until: Option<Nanos>| {
                let next = until.map_or(now, |until| until.as_u64().max(now)) + 10;
                Ok::<_, ()>(((), Nanos::new(next)))
            }
        };
        let key = |name: &str| Some(Key::Named(name.into()));
        let second = SWEEP_EVERY;
        clients.measure_and_replace(&key("a"), at(0)).unwrap();
        clients.measure_and_replace(&key("b"), at(2 * second)).unwrap();
        clients.measure_and_replace(&key("b"), at(2 * second)).unwrap();
        clients.measure_and_replace(&key("c"), at(2 * second)).unwrap();
        let state = clients.state.lock().unwrap();
        assert!(state.until.contains_key(&key("b")) && state.until.contains_key(&key("c")));
        assert_eq!((state.until.len(), state.others), (2, None));
    }

    #[test]
    fn of_a_long_name_no_more_than_a_number_is_remembered() {
        let limit = RateLimit::per_hour(1).by(|request| request.extensions().get::<String>().cloned());
        let (one, other) = ("x".repeat(16_000), "x".repeat(16_001));
        assert!(limit.check(&of(&one)).is_ok() && limit.check(&of(&other)).is_ok());
        assert!(limit.check(&of(&one)).is_err() && limit.check(&of(&other)).is_err());
        for (name, is_long) in [(MAX_NAME, false), (MAX_NAME + 1, true)] {
            let key = (limit.key)(&of(&"x".repeat(name)));
            assert_eq!(matches!(key, Some(Key::Long(_))), is_long, "{name}");
        }
    }

    #[test]
    fn a_client_is_an_address_or_a_network() {
        let network = |text: &str| network(text.parse().unwrap()).to_string();
        assert_eq!(network("192.0.2.7"), "192.0.2.7");
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    }
}
