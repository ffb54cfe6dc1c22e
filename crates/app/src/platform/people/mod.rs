//! 人员与会话: organisations, staff, sign-in, sessions, API keys, and the question every request asks: may they?
//!
//! | file | what lives there |
//! |---|---|
//! | organisation, staff | joiners, movers, leavers |
//! | password, totp, passkey, login, throttle | how a person proves who they are |
//! | session, epoch | what is remembered of it, and how it ends everywhere within a second |
//! | extract | from a request to an [`Actor`](crate::platform::actor::Actor), and its rights |
//! | apikey | how another system acts |
//! | http | the JSON of all that |
//! | page, joining | its pages |

use std::sync::OnceLock;

use chuangsha_kernel::{
    id::{Ids, OrganisationId},
    role::OrganisationKind as Kind,
    time::{MINUTE_MS, Timestamp},
};
use chuangsha_store::{Tx, params};
use webauthn_rs::{Webauthn, WebauthnBuilder, prelude::Url};

use super::{
    failure::{Failure, Result},
    web::kept::{self, KEEP_MS},
};
use crate::App;

pub mod apikey;
pub mod behalf;
pub mod code;
pub mod epoch;
pub mod extract;
pub mod http;
mod joining;
pub mod login;
pub mod organisation;
pub mod page;
pub mod passkey;
pub mod password;
pub mod session;
pub mod staff;
pub mod throttle;
pub mod totp;

#[cfg(test)]
pub(crate) mod tests;

pub use extract::{Origin, SignedIn, network};
pub use login::{Credentials, Opened};
pub use session::{Standing, Step};

/// 组织类别
pub type OrganisationKind = Kind;

/// Tables of this module.
pub const DDL: &str = "
CREATE TABLE organisation (
    id BYTEA PRIMARY KEY,
    kind TEXT NOT NULL,
    parent BYTEA,
    carrier BYTEA,
    region TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('active', 'suspended', 'ended')),
    name_zh TEXT NOT NULL,
    name_en TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    created BIGINT NOT NULL
);
CREATE INDEX organisation_region ON organisation (carrier, region);
CREATE TABLE staff (
    id BYTEA PRIMARY KEY,
    login BYTEA NOT NULL UNIQUE,
    number BYTEA NOT NULL,
    name BYTEA NOT NULL,
    password TEXT NOT NULL,
    must_change BIGINT NOT NULL,
    roles BIGINT NOT NULL,
    organisation BYTEA NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('active', 'left')),
    epoch BIGINT NOT NULL,
    training_passed_until BIGINT,
    totp BYTEA,
    totp_pending BYTEA,
    totp_step BIGINT NOT NULL,
    created BIGINT NOT NULL,
    left_at BIGINT
);
CREATE INDEX staff_organisation ON staff (organisation, id);
CREATE TABLE session (
    id BYTEA PRIMARY KEY,
    public BYTEA NOT NULL UNIQUE,
    staff BYTEA NOT NULL,
    staff_epoch BIGINT NOT NULL,
    organisation_epoch BIGINT NOT NULL,
    created BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    method TEXT NOT NULL,
    mfa_at BIGINT,
    address TEXT NOT NULL
);
CREATE INDEX session_staff ON session (staff);
CREATE TABLE ceremony (
    session BYTEA NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (session, kind)
);
CREATE TABLE passkey (
    id BYTEA PRIMARY KEY,
    staff BYTEA NOT NULL,
    name TEXT NOT NULL,
    credential TEXT NOT NULL,
    created BIGINT NOT NULL,
    last_used BIGINT
);
CREATE INDEX passkey_staff ON passkey (staff);
CREATE TABLE api_key (
    id BYTEA PRIMARY KEY,
    hash BYTEA NOT NULL UNIQUE,
    staff BYTEA NOT NULL,
    organisation BYTEA NOT NULL,
    staff_epoch BIGINT NOT NULL,
    organisation_epoch BIGINT NOT NULL,
    name TEXT NOT NULL,
    actions TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    last_used BIGINT,
    revoked_at BIGINT
);
CREATE INDEX api_key_organisation ON api_key (organisation, created);
CREATE TABLE known_device (
    id BYTEA PRIMARY KEY,
    login BYTEA NOT NULL,
    created BIGINT NOT NULL
);
CREATE TABLE login_attempt (
    id BYTEA PRIMARY KEY,
    login BYTEA NOT NULL,
    place TEXT NOT NULL,
    kind TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX login_attempt_login ON login_attempt (login, at);
CREATE INDEX login_attempt_place ON login_attempt (place, at);
CREATE TABLE epoch (
    seq BIGINT PRIMARY KEY,
    subject BYTEA NOT NULL,
    epoch BIGINT NOT NULL,
    at BIGINT NOT NULL
);
";

/// 人员配置
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PeopleConfig {
    /// Host that passkeys are bound to: `localhost` or the installation's own name. Changing it makes every passkey useless.
    pub host: String,
    /// Address of the console as the browser sees it, `https://localhost:8443`.
    pub origin: String,
    /// Demo: a one-time code stands in for a passkey, so that the demo needs no authenticator. Never set on real data.
    pub demo: bool,
}

impl Default for PeopleConfig {
    fn default() -> Self {
        Self { host: "localhost".to_owned(), origin: "https://localhost:8443".to_owned(), demo: false }
    }
}

/// What this module keeps in memory.
pub struct People {
    /// How it was set up.
    pub config: PeopleConfig,
    /// Sessions and keys in use.
    pub cache: session::Cache,
    /// The password queue.
    pub passwords: password::Passwords,
    /// The passkey ceremonies.
    pub webauthn: Webauthn,
    carrier: OnceLock<OrganisationId>,
}

impl People {
    /// Sets up.
    ///
    /// # Errors
    /// An origin that is no address, or that does not lie under the host.
    pub fn new(config: PeopleConfig, ids: &Ids) -> Result<Self> {
        let wrong = |error: &dyn std::fmt::Display| {
            Failure::internal(format!("people.origin {} and people.host {}: {error}", config.origin, config.host))
        };
        let origin = Url::parse(&config.origin).map_err(|error| wrong(&error))?;
        let builder = WebauthnBuilder::new(&config.host, &origin).map_err(|error| wrong(&error))?;
        let webauthn = builder.rp_name("窗纱 Chuangsha").build().map_err(|error| wrong(&error))?;
        Ok(Self { passwords: password::Passwords::new(ids)?, cache: session::Cache::default(), webauthn, carrier: OnceLock::new(), config })
    }
}

impl People {
    /// The carrier whose installation this is; `None` until one is founded ([`App::poll_epochs`] finds it).
    pub fn carrier(&self) -> Option<OrganisationId> {
        self.carrier.get().copied()
    }

    fn found(&self, carrier: OrganisationId) {
        self.carrier.get_or_init(|| carrier);
    }
}

impl App {
    /// Timed work, once an hour: drops sessions that ran out and counts nobody looks at.
    pub async fn prune_people(&self) -> Result<()> {
        let now = self.clock.now();
        let absolute = i64::from(self.matrix.session.absolute_minutes) * MINUTE_MS;
        self.store.write(move |tx| prune(tx, now, absolute)).await
    }
}

fn prune(tx: &mut Tx<'_>, now: Timestamp, absolute_ms: i64) -> Result<()> {
    // Half an hour longer than it can be used: whoever was in the middle of a form is still known by it.
    tx.push("DELETE FROM session WHERE created <= $1", &params![now.plus_ms(-absolute_ms - KEEP_MS)])?;
    kept::prune(tx, now)?;
    tx.push("DELETE FROM ceremony WHERE at <= $1", &params![now.plus_ms(-absolute_ms)])?;
    tx.push("DELETE FROM known_device WHERE created <= $1", &params![now.plus_ms(-90 * chuangsha_kernel::time::DAY_MS)])?;
    throttle::prune(tx, now)?;
    super::edge::idempotency::prune(tx, now)?;
    super::reveal::prune(tx, now)?;
    epoch::prune(tx, now)
}
