//! 身份提取: from cookie or bearer key to the one who acts. A handler that takes an [`Actor`] cannot be reached by a session that still owes
//! its second factor; only sign-in itself takes a [`SignedIn`].

use std::{net::SocketAddr, sync::Arc};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, header, request::Parts},
};
use chuangsha_kernel::{
    problem::{Language, Problem},
    role::{Action, Condition, RegionCode, Resource, Scope, Subject},
    time::MINUTE_MS,
};

use super::{
    code,
    session::{Live, Presented, Step, TokenHash, hash},
    staff::Within,
};
use crate::{
    App,
    platform::{
        actor::Actor,
        failure::{self, Failure, Result},
    },
};

/// The session's cookie. `__Host-` binds it to this host, TLS and the root path.
pub const SESSION_COOKIE: &str = "__Host-session";
/// The cookie by which a device is known again.
pub const DEVICE_COOKIE: &str = "__Host-device";
/// How every API key begins, so that a leaked one is recognised by scanners.
pub const KEY_PREFIX: &str = "csk_";

/// The network an address lies in: `10.2.3.*`, or the first seven bytes of an IPv6 address. Enough to tell places apart, too little to tell
/// persons apart.
pub fn network(address: Option<SocketAddr>) -> String {
    match address.map(|address| address.ip().to_canonical()) {
        Some(std::net::IpAddr::V4(ip)) => {
            let [a, b, c, _] = ip.octets();
            format!("{a}.{b}.{c}.*")
        }
        Some(std::net::IpAddr::V6(ip)) => {
            let [a, b, c, d, ..] = ip.segments();
            format!("{a:x}:{b:x}:{c:x}:{:x}::*", d & 0xff00)
        }
        None => "unknown".to_owned(),
    }
}

/// One cookie of a request.
pub fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let pairs = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(';'));
    pairs.filter_map(|pair| pair.trim().split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// What the request presents, if anything.
pub fn presented(headers: &HeaderMap) -> Option<Presented> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|value| value.strip_prefix("Bearer "));
    match bearer {
        // A request with a key acts as the key, whatever cookies come along.
        Some(key) => key.trim().starts_with(KEY_PREFIX).then(|| Presented::Key(hash(key.trim()))),
        None => cookie(headers, SESSION_COOKIE).map(|token| Presented::Session(hash(token))),
    }
}

/// Where a request comes from: its network and the device it is known by.
#[derive(Debug, Clone)]
pub struct Origin {
    /// [`network`] of the peer.
    pub address: String,
    /// TokenHash of the device cookie.
    pub device: Option<TokenHash>,
}

impl<S: Sync> FromRequestParts<S> for Origin {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self {
            address: network(parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0)),
            device: cookie(&parts.headers, DEVICE_COOKIE).map(hash),
        })
    }
}

/// A session or key that is alive, whatever it still owes.
pub struct SignedIn(pub Arc<Live>);

impl FromRequestParts<App> for SignedIn {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        if let Some(live) = parts.extensions.get::<Arc<Live>>() {
            return Ok(Self(Arc::clone(live)));
        }
        let sign_in = || Failure::from(Problem::new(&failure::code::SIGN_IN));
        let presented = presented(&parts.headers).ok_or_else(sign_in)?;
        let address = network(parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0));
        let live = app.live(presented, &address).await?.ok_or_else(sign_in)?;
        parts.extensions.insert(Arc::clone(&live));
        Ok(Self(live))
    }
}

impl FromRequestParts<App> for Actor {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let SignedIn(live) = SignedIn::from_request_parts(parts, app).await?;
        match live.standing.step {
            Step::Done => Ok(live.actor.clone()),
            Step::ChangePassword => Err(Problem::new(&code::PASSWORD_CHANGE).into()),
            Step::SecondFactor | Step::Enrol => Err(Problem::new(&code::FACTOR_REQUIRED).into()),
        }
    }
}

impl Actor {
    /// As the role table sees them, now.
    pub fn subject(&self, app: &App) -> Subject {
        let now = app.clock.now();
        let recent_ms = i64::from(app.matrix.session.recent_minutes) * MINUTE_MS;
        Subject {
            staff: self.staff,
            organisation: self.organisation,
            carrier: self.carrier,
            region: RegionCode::read(&self.region),
            roles: self.roles,
            // A key is itself a second thing, made under a fresh passkey; it never counts as a passkey.
            mfa: self.mfa_at.is_some() || self.key_actions.is_some(),
            passkey: self.passkey,
            recent: self.mfa_at.is_some_and(|at| now < at.plus_ms(recent_ms)),
            trained: self.trained_until.is_some_and(|until| now < until),
        }
    }

    /// Goes on only if the role table allows it.
    ///
    /// # Errors
    /// `people.step_up` when a fresh second factor is all that is missing; `people.key_scope`; else `people.denied` with the row's words.
    pub fn require(&self, app: &App, action: Action, resource: &Resource) -> Result<()> {
        if self.key_actions.as_ref().is_some_and(|actions| !actions.has(action)) {
            return Err(Problem::new(&code::KEY_SCOPE).with("action", action).into());
        }
        let verdict = app.matrix.decide(&self.subject(app), action, resource);
        if verdict.allowed {
            return Ok(());
        }
        let only_stale = verdict.missing_only(Condition::Recent);
        let problem = Problem::new(if only_stale { &code::STEP_UP } else { &code::DENIED });
        let problem = problem.with("rule", app.matrix.rule_id(&verdict)).with("action", action);
        let zh = app.matrix.explain(&verdict, Language::Chinese);
        Err(problem.with("zh", zh).with("en", app.matrix.explain(&verdict, Language::English)).into())
    }

    /// Whether [`Actor::require`] would let it pass: for buttons.
    pub fn may(&self, app: &App, action: Action, resource: &Resource) -> bool {
        self.require(app, action, resource).is_ok()
    }

    /// Whether the roles could ever do this: for menus.
    pub fn could(&self, app: &App, action: Action) -> bool {
        self.key_actions.as_ref().is_none_or(|actions| actions.has(action)) && app.matrix.could(self.roles, action)
    }

    /// How far a list of this action reaches.
    ///
    /// # Errors
    /// As [`Actor::require`], when it reaches nowhere.
    pub fn reach(&self, app: &App, action: Action) -> Result<Scope> {
        let allowed = self.key_actions.as_ref().is_none_or(|actions| actions.has(action));
        match app.matrix.reach(&self.subject(app), action).filter(|_| allowed) {
            Some(scope) => Ok(scope),
            None => match self.require(app, action, &self.here()) {
                Err(failure) => Err(failure),
                Ok(()) => Err(Failure::internal(format!("{action} is allowed here but reaches nowhere"))),
            },
        }
    }

    /// The organisations a scope covers, as a range of region codes.
    pub fn within(&self, scope: Scope) -> Within {
        let region = RegionCode::read(&self.region);
        // "9901" covers every code that begins so: a tilde sorts behind all digits. (The next number would not do: 99 + 1 sorts before 99.)
        let range = |from: String| Within::Region { carrier: self.carrier, to: format!("{from}~"), from };
        match (scope, region.province(), region.city()) {
            (Scope::Own | Scope::Organisation, _, _) | (Scope::City, _, None) | (Scope::Province, None, _) => {
                Within::Organisation(self.organisation)
            }
            (Scope::City, _, Some(city)) => range(city),
            (Scope::Province, Some(province), _) => range(province),
            (Scope::Carrier | Scope::All, _, _) => Within::Region { carrier: self.carrier, from: String::new(), to: "~".to_owned() },
        }
    }

    /// A thing of one's own, in one's own organisation.
    pub fn here(&self) -> Resource {
        Resource {
            owner: Some(self.staff),
            organisation: Some(self.organisation),
            carrier: self.carrier,
            region: RegionCode::read(&self.region),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_tells_places_apart_and_not_persons() {
        let of = |text: &str| network(Some(text.parse().unwrap()));
        assert_eq!(of("10.2.3.4:5"), "10.2.3.*");
        assert_eq!(of("10.2.3.200:9"), "10.2.3.*");
        assert_eq!(of("[::ffff:10.2.3.4]:5"), "10.2.3.*", "the same host over a dual-stack socket");
        assert_eq!(of("[2001:db8:1:2345::1]:5"), "2001:db8:1:2300::*");
        assert_eq!(network(None), "unknown");
    }

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, "a=1; x__Host-session=evil; __Host-session=good; b=2".parse().unwrap());
        assert_eq!(cookie(&headers, SESSION_COOKIE), Some("good"));
        assert_eq!(cookie(&headers, "session"), None);
        headers.insert(header::AUTHORIZATION, "Bearer not-a-key".parse().unwrap());
        assert!(presented(&headers).is_none(), "a bad bearer does not fall back to the cookie");
    }
}
