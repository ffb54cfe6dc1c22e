//! 限流: how many requests a network and a credential may make. Buckets live in memory; the counts behind sign-in are the store's
//! ([`crate::platform::people::throttle`]).

use std::{net::SocketAddr, num::NonZeroU32, ops::Add, sync::Arc};

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{HeaderValue, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use chuangsha_kernel::{problem::Problem, time::Clock};
use governor::{
    Quota, RateLimiter,
    clock::{Clock as GovernorClock, Reference},
    middleware::NoOpMiddleware,
    nanos::Nanos,
    state::keyed::DashMapStateStore,
};

use super::code;
use crate::platform::{
    failure::Failure,
    people::{
        extract::{network, presented},
        session::Presented,
    },
};

/// 限流配置: requests a second and how many may come at once. 0 a second: no limit.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitConfig {
    /// Of one network (256 IPv4 addresses): a hall full of counters shares it.
    pub network_per_second: u32,
    /// At once, of one network.
    pub network_burst: u32,
    /// Of one session or API key.
    pub credential_per_second: u32,
    /// At once, of one session or API key.
    pub credential_burst: u32,
    /// Of one network at the addresses a switch asks for every call, with an API key: the two above do not count there.
    pub machine_per_second: u32,
    /// At once, of one such network.
    pub machine_burst: u32,
}

/// Addresses asked by a machine for every call it handles.
const MACHINES: [&str; 1] = ["/api/v1/hotline/ivr-tags"];

impl Default for LimitConfig {
    fn default() -> Self {
        Self {
            network_per_second: 200,
            network_burst: 1_000,
            credential_per_second: 40,
            credential_burst: 200,
            machine_per_second: 5_000,
            machine_burst: 10_000,
        }
    }
}

/// The application's clock, as the limiter wants it: tests move it by hand.
#[derive(Clone)]
struct Ticks(Arc<dyn Clock>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Tick(u64);

impl Add<Nanos> for Tick {
    type Output = Self;
    fn add(self, other: Nanos) -> Self {
        Self(self.0.saturating_add(other.as_u64()))
    }
}

impl Reference for Tick {
    fn duration_since(&self, earlier: Self) -> Nanos {
        self.0.saturating_sub(earlier.0).into()
    }

    fn saturating_sub(&self, duration: Nanos) -> Self {
        Self(self.0.saturating_sub(duration.as_u64()))
    }
}

impl GovernorClock for Ticks {
    type Instant = Tick;
    fn now(&self) -> Tick {
        Tick(self.0.now().0.max(0).unsigned_abs().saturating_mul(1_000_000))
    }
}

type Limiter<K> = RateLimiter<K, DashMapStateStore<K>, Ticks, NoOpMiddleware<Tick>>;

/// 限流器
pub struct Limits {
    networks: Option<Limiter<String>>,
    credentials: Option<Limiter<[u8; 32]>>,
    machines: Option<Limiter<String>>,
    clock: Ticks,
}

fn limiter<K: std::hash::Hash + Eq + Clone>(per_second: u32, burst: u32, clock: &Ticks) -> Option<Limiter<K>> {
    let quota = Quota::per_second(NonZeroU32::new(per_second)?).allow_burst(NonZeroU32::new(burst.max(per_second))?);
    Some(RateLimiter::new(quota, DashMapStateStore::default(), clock.clone()))
}

/// Seconds until the next one is let through; `None`: now.
fn ask<K: std::hash::Hash + Eq + Clone>(limiter: Option<&Limiter<K>>, key: &K, clock: &Ticks) -> Option<u64> {
    let limiter = limiter?;
    let wait = limiter.check_key(key).err()?.wait_time_from(clock.now());
    // Buckets that are full again are dropped now and then, so that passing networks do not pile up.
    if limiter.len() > 50_000 {
        limiter.retain_recent();
    }
    Some(u64::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u64::MAX).max(1))
}

impl Limits {
    /// Limits on the application's clock.
    pub fn new(config: LimitConfig, clock: Arc<dyn Clock>) -> Self {
        let clock = Ticks(clock);
        Self {
            networks: limiter(config.network_per_second, config.network_burst, &clock),
            credentials: limiter(config.credential_per_second, config.credential_burst, &clock),
            machines: limiter(config.machine_per_second, config.machine_burst, &clock),
            clock,
        }
    }

    /// Seconds to wait, if any.
    pub fn wait(&self, network: &String, credential: Option<[u8; 32]>) -> Option<u64> {
        let of_network = ask(self.networks.as_ref(), network, &self.clock);
        let of_credential = credential.and_then(|credential| ask(self.credentials.as_ref(), &credential, &self.clock));
        of_network.max(of_credential)
    }

    /// Seconds to wait where a machine asks with its key, if any.
    pub fn wait_machine(&self, network: &String) -> Option<u64> {
        ask(self.machines.as_ref(), network, &self.clock)
    }
}

/// Lets through what is within the limits.
pub async fn check(State(limits): State<Arc<Limits>>, request: Request, next: Next) -> Response {
    let address = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0);
    let presented = presented(request.headers());
    let machine = matches!(presented, Some(Presented::Key(_))) && MACHINES.contains(&request.uri().path());
    let credential = presented.map(|(Presented::Session(hash) | Presented::Key(hash))| hash);
    let wait = if machine { limits.wait_machine(&network(address)) } else { limits.wait(&network(address), credential) };
    match wait {
        None => next.run(request).await,
        Some(seconds) => {
            let mut response = Failure::from(Problem::new(&code::TOO_MANY).with("seconds", seconds)).into_response();
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            response
        }
    }
}

#[cfg(test)]
mod tests {
    use chuangsha_kernel::time::{SettableClock, Timestamp};

    use super::*;

    #[test]
    fn a_burst_passes_then_time_pays_and_others_are_not_touched() {
        let clock = Arc::new(SettableClock::at(Timestamp(1_000_000)));
        let config = LimitConfig {
            network_per_second: 2,
            network_burst: 3,
            credential_per_second: 1,
            credential_burst: 1,
            machine_per_second: 4,
            machine_burst: 5,
        };
        let limits = Limits::new(config, Arc::clone(&clock) as Arc<dyn Clock>);
        let here = "10.0.0.*".to_owned();
        assert_eq!([(); 3].map(|()| limits.wait(&here, None)), [None; 3]);
        assert_eq!(limits.wait(&here, None), Some(1));
        assert_eq!(limits.wait(&"10.0.1.*".to_owned(), None), None);
        clock.advance_ms(500);
        assert_eq!(limits.wait(&here, None), None);
        assert!(limits.wait(&here, None).is_some());
        clock.advance_ms(60_000);
        assert_eq!(limits.wait(&here, Some([1; 32])), None);
        assert!(limits.wait(&here, Some([1; 32])).is_some());
        assert_eq!(limits.wait(&here, Some([2; 32])), None);
        // A switch has a measure of its own, and does not use up anybody's.
        assert_eq!([(); 5].map(|()| limits.wait_machine(&here)), [None; 5]);
        assert!(limits.wait_machine(&here).is_some());
        let off = Limits::new(LimitConfig { network_per_second: 0, credential_per_second: 0, ..config }, clock);
        assert!((0..10_000).all(|_| off.wait(&here, Some([1; 32])).is_none()));
    }
}
