//! 演示: a province that does not exist, its people, its numbers, its open orders, and simulators for every network around it.

mod base;
mod hotline;
mod ladder;
pub mod ledger;
mod looks;
pub mod orders;
mod screening;
mod trunks;

use std::path::Path;

use chuangsha_app::{App, platform::people::totp};
use chuangsha_kernel::{
    id::{OrganisationId, StaffId},
    problem::Problem,
    role::{OrganisationKind, Role, RoleSet},
    time::{Clock, SystemClock},
};
use chuangsha_world::{network::NetworkElement, reader::ReaderBridge, smsc::Smsc, verification::VerificationAuthority};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    config::Settings,
    say::{Outcome, Say},
    serve::{codes, lock, parts},
};

/// The seed of the one demo province.
const SEED: u64 = 20_261_122;
/// The password of every demo account. It protects nothing: the data is made up, and `serve` refuses demo data without `--demo`.
pub const PASSWORD: &str = "Window-Screen-2026";
const MARKER: &str = "demo.json";
const SMSC_ACCOUNT: &str = "chuangsha";
const SMSC_PASSWORD: &str = "demo";
const READER_TOKEN: &str = "demo";

/// Who can sign in: kept beside the data, so that a second start prints it again without looking anything up.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Login {
    staff: StaffId,
    number: String,
    role: String,
    role_zh: String,
    role_en: String,
    organisation: OrganisationId,
    organisation_kind: String,
    organisation_zh: String,
    organisation_en: String,
    region: String,
    carrier: Option<OrganisationId>,
}

impl Login {
    /// What they are; `None`: a role of another version.
    pub fn role(&self) -> Option<Role> {
        Role::parse(&self.role)
    }

    fn kind(&self) -> OrganisationKind {
        OrganisationKind::parse(&self.organisation_kind).unwrap_or(OrganisationKind::Channel)
    }

    fn roles(&self) -> RoleSet {
        self.role().map_or(RoleSet::EMPTY, |role| RoleSet::of(&[role]))
    }
}

impl Login {
    /// 工号
    pub fn number(&self) -> &str {
        &self.number
    }

    /// Their organisation.
    pub fn organisation(&self) -> OrganisationId {
        self.organisation
    }

    /// Where it is.
    pub fn region(&self) -> &str {
        &self.region
    }
}

/// What has been seeded so far.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Marker {
    logins: Vec<Login>,
    orders: bool,
    #[serde(default)]
    ledger: bool,
    #[serde(default)]
    looks: bool,
    #[serde(default)]
    hotline: bool,
    #[serde(default)]
    screening: bool,
    #[serde(default)]
    stops: bool,
}

impl Marker {
    fn read(data: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(data.join(MARKER)).ok()?).ok()
    }

    fn write(&self, data: &Path) -> Result<(), Problem> {
        let text = serde_json::to_vec(self).map_err(parts::not_started)?;
        lock::private_file(&data.join(MARKER), &text).map_err(parts::not_started)
    }
}

/// This directory holds a demo province.
pub fn is_demo(data: &Path) -> bool {
    data.join(MARKER).is_file()
}

/// Demo data has public passwords and real data has none: neither is started as the other.
///
/// # Errors
/// `serve.demo_data`, `serve.not_demo_data`.
pub fn same_kind(data: &Path, demo: bool) -> Result<(), Problem> {
    let marked = data.join(MARKER).is_file();
    let used = data.join("root.key").is_file();
    match (demo, marked) {
        (false, true) => Err(Problem::new(&codes::PRODUCTION_ON_DEMO).field(data.display().to_string())),
        (true, false) if used => Err(Problem::new(&codes::DEMO_DATA).field(data.display().to_string())),
        _ => Ok(()),
    }
}

/// The networks around the demo, on the loopback, until dropped.
pub struct World {
    _verification: VerificationAuthority,
    network: NetworkElement,
    _smsc: Smsc,
    _reader: ReaderBridge,
}

impl World {
    /// Starts the simulators and points the adapters at them, except where the settings name a real peer.
    ///
    /// # Errors
    /// No port.
    pub async fn start(settings: &mut Settings) -> Result<Self, Problem> {
        // Before the root key: a directory that has keys and no marker holds real data.
        let marker = settings.data().join(MARKER);
        if !marker.is_file() {
            Marker::default().write(&settings.data())?;
        }
        let verification = VerificationAuthority::start(SEED).await.map_err(parts::not_started)?;
        let network = NetworkElement::start().await.map_err(parts::not_started)?;
        let smsc = Smsc::start(SMSC_ACCOUNT, SMSC_PASSWORD).await.map_err(parts::not_started)?;
        let reader = ReaderBridge::start(READER_TOKEN).await.map_err(parts::not_started)?;
        let mut point = |key: &'static str, value: &str| {
            if settings.set_text(key).is_none() {
                settings.put(key, value, "--demo");
            }
        };
        point("verification.url", &verification.url());
        point("network.url", &network.url());
        point("capture.reader_bridge", &reader.url());
        point("capture.reader_token", READER_TOKEN);
        point("operator.code", "demo");
        point("operator.name_zh", "示范电信");
        point("operator.name_en", "MODEL TELECOM");
        point("operator.hotline", "10000");
        if settings.list("sip.listen").is_empty() {
            let file = trunks::write(&settings.data()).map_err(parts::not_started)?;
            settings.put("sip.trunks", &file.display().to_string(), "--demo");
            settings.put("sip.listen", &trunks::listen(), "--demo");
            settings.put("sip.loops", "1", "--demo");
            // A few thousand calls are looked at: room for millions would be most of what a demo holds in memory.
            for table in ["sip.transactions", "screening.callers", "screening.callees"] {
                settings.put(table, "65536", "--demo");
            }
            if settings.set_text("sip.hep_listen").is_none() {
                settings.put("sip.hep_listen", "127.0.0.1:0", "--demo");
            }
        }
        if settings.text("sms.sink") == "console" {
            for (key, value) in [
                ("sms.sink", "smpp"),
                ("sms.smpp_peer", smsc.address().to_string().as_str()),
                ("sms.smpp_system_id", SMSC_ACCOUNT),
                ("sms.smpp_password", SMSC_PASSWORD),
            ] {
                settings.put(key, value, "--demo");
            }
        }
        Ok(Self { _verification: verification, network, _smsc: smsc, _reader: reader })
    }
}

/// Fills the province, unless it is there: organisations, outlets, staff, subscribers, in one transaction.
///
/// # Errors
/// What the store or the application refuses.
pub async fn seed(say: &Say, app: &App, data: &Path) -> Result<Vec<Login>, Problem> {
    let mut marker = Marker::read(data).unwrap_or_default();
    if marker.logins.is_empty() {
        say.note(
            "正在生成演示省：11 个地市、400 个网点、60 名员工、5 万用户……",
            "making the demo province: 11 cities, 400 outlets, 60 staff, 50,000 subscribers …",
        );
        marker.logins = base::seed(say, app, base::SUBSCRIBERS, base::FREE_NUMBERS).await?;
        hotline::past(app).await.map_err(parts::failed)?;
        // Whose carrier this is must be known before anybody may do anything.
        app.poll_epochs().await.map_err(parts::failed)?;
        say.note("正在推演存量补登批次……", "telling the past of the campaigns …");
        ladder::past(app, &marker.logins).await.map_err(parts::failed)?;
        marker.write(data)?;
    }
    Ok(marker.logins)
}

/// The province without its subscribers, for a measurement: organisations, outlets, staff and `free` numbers.
///
/// # Errors
/// What the store or the application refuses.
pub async fn province(say: &Say, app: &App, free: u32) -> Result<Vec<Login>, Problem> {
    let logins = base::seed(say, app, 0, free).await?;
    app.poll_epochs().await.map_err(parts::failed)?;
    Ok(logins)
}

/// Carries orders into every state, unless they are there. The workers must run: verification and network answer through them.
///
/// # Errors
/// What the application refuses.
pub async fn seed_orders(say: &Say, app: &App, world: &World, data: &Path) -> Result<(), Problem> {
    let mut marker = Marker::read(data).unwrap_or_default();
    if !marker.orders {
        say.note("正在办理演示登记单……", "carrying demo orders through …");
        orders::seed(say, app, &world.network, &marker.logins).await?;
        marker.orders = true;
        marker.write(data)?;
    }
    if !marker.ledger {
        ledger::seed(app, &orders::who(app, &marker.logins, Role::ProvinceManager, 0, false).map_err(parts::failed)?)
            .await
            .map_err(parts::failed)?;
        marker.ledger = true;
        marker.write(data)?;
    }
    if !marker.looks {
        looks::seed(app, &marker.logins).await.map_err(parts::failed)?;
        marker.looks = true;
        marker.write(data)?;
    }
    if !marker.stops {
        ladder::stops(app, &marker.logins).await.map_err(parts::failed)?;
        ladder::come(app, &marker.logins).await.map_err(parts::failed)?;
        marker.stops = true;
        marker.write(data)?;
    }
    if !marker.hotline {
        hotline::seed(app, &marker.logins).await.map_err(parts::failed)?;
        marker.hotline = true;
        marker.write(data)?;
    }
    if !marker.screening {
        screening::seed(app, &marker.logins).await.map_err(parts::failed)?;
        marker.screening = true;
        marker.write(data)?;
    }
    Ok(())
}

/// Who can sign in, one of each role first.
pub fn show(say: &Say, logins: &[Login]) {
    if logins.is_empty() || say.json || say.quiet {
        return;
    }
    let mut seen = Vec::new();
    let firsts = logins.iter().filter(|login| {
        let new = !seen.contains(&login.role);
        seen.push(login.role.clone());
        new
    });
    let row = |login: &Login| {
        vec![
            login.number.clone(),
            say.pick(&login.role_zh, &login.role_en).to_owned(),
            say.pick(&login.organisation_zh, &login.organisation_en).to_owned(),
        ]
    };
    say.answer("");
    say.table(
        &[say.pick("工号", "number"), say.pick("岗位", "role"), say.pick("单位", "organisation")],
        &firsts.map(row).collect::<Vec<_>>(),
    );
    say.answer("");
    say.answer(&format!("{}  {PASSWORD}", say.pick("口令（全部帐号）", "password (every account)")));
    say.answer(say.pick("动态口令：chuangsha demo code 工号", "one-time code: chuangsha demo code NUMBER"));
    say.answer(say.pick("全部帐号：chuangsha demo logins", "all accounts: chuangsha demo logins"));
}

/// `chuangsha demo logins`
pub fn logins(say: &Say, settings: &Settings) -> Outcome {
    let marker =
        Marker::read(&settings.data()).ok_or_else(|| Problem::new(&codes::NO_DEMO).field(settings.data().display().to_string()))?;
    say.either(&json!({ "password": PASSWORD, "logins": marker.logins }), |say| {
        let row = |login: &Login| {
            let (role, organisation) = (say.pick(&login.role_zh, &login.role_en), say.pick(&login.organisation_zh, &login.organisation_en));
            vec![login.number.clone(), role.to_owned(), organisation.to_owned(), login.region.clone()]
        };
        let heads = [say.pick("工号", "number"), say.pick("岗位", "role"), say.pick("单位", "organisation"), say.pick("地区", "region")];
        say.table(&heads, &marker.logins.iter().map(row).collect::<Vec<_>>());
        say.answer(&format!("{}  {PASSWORD}", say.pick("口令", "password")));
    });
    Ok(())
}

/// `chuangsha demo code NUMBER`: what the authenticator of a demo account shows now.
pub fn code(say: &Say, number: &str) -> Outcome {
    let secret = totp::demo_secret(&number.to_uppercase());
    let code = totp::code(&secret, SystemClock::default().now()).map_err(parts::failed)?;
    say.either(&json!({ "code": code, "secret": totp::base32(&secret) }), |say| say.answer(&code));
    Ok(())
}
