//! 试验台: the whole application on one store, with simulators for everything outside and a clock that moves when told. Tests, benchmarks and
//! crash runs share it; nothing in it decides anything.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::missing_panics_doc, reason = "a test that cannot be set up stops")]

use std::sync::{Arc, OnceLock};

use chuangsha_app::{
    App, AppConfig, MIGRATIONS, Parts, channels,
    platform::{
        actor::Actor,
        failure::Failure,
        images::Objects,
        network::{self, Backoff, Handler, Tmf640, Tmf640Settings, Worker, WorkerSettings, http_client},
        notify::{Console, Sms, Templates},
        people::{OrganisationKind, People, PeopleConfig, organisation},
        verify::{HttpVerifier, HttpVerifierSettings},
    },
    registration::{
        desk::{Capture, NewOrder, PartyInput, Reservation},
        gate,
        order::{Customer, ImageKind, Mode, Order, Product},
        table,
    },
    screening::{self, tokens::Vouch},
};
use chuangsha_kernel::{
    document::ResidentId,
    id::{Ids, OrderId, OrganisationId, StaffId},
    role::{Matrix, Role, RoleSet},
    rulebook::ChannelKind,
    time::{Clock, DAY_MS, SettableClock, Timestamp},
};
use chuangsha_store::{Store, Tx};
use chuangsha_vault::{LocalAgent, Suite, Vault};
use jiff::civil::date;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{network::NetworkElement, pictures, verification::VerificationAuthority};

/// When every story begins: 2026-11-22 09:00 in China.
pub fn start() -> Timestamp {
    Timestamp::start_of(date(2026, 11, 22)).plus_ms(9 * 3_600_000)
}

/// The city all of it happens in.
pub const CITY: &str = "990100";

/// The application and its surroundings.
pub struct Kit {
    /// The application.
    pub app: App,
    /// Its clock.
    pub clock: Arc<SettableClock>,
    /// The authority.
    pub authority: VerificationAuthority,
    /// The network.
    pub network: NetworkElement,
    /// Carrier headquarters.
    pub hq: OrganisationId,
    /// The city's unit.
    pub city: OrganisationId,
    /// The audit centre.
    pub audit_centre: OrganisationId,
}

impl Kit {
    /// On an empty store.
    pub async fn new(store: Store) -> Self {
        Self::with_sms(store, Arc::new(Console)).await
    }

    /// On an empty store, with a message port of one's own.
    pub async fn with_sms(store: Store, sms: Arc<dyn Sms>) -> Self {
        Self::found(Self::over(store, sms, LocalAgent::ephemeral(7, Suite::International).unwrap(), Objects::in_memory(), 1).await).await
    }

    /// On an empty store, with a message port and a network element of one's own.
    pub async fn with_ports(store: Store, sms: Arc<dyn Sms>, element: Arc<dyn network::NetworkElement>) -> Self {
        let agent = LocalAgent::ephemeral(7, Suite::International).unwrap();
        Self::found(Self::around(store, sms, Some(element), agent, Objects::in_memory(), 1).await).await
    }

    /// On an empty store that outlives this process, with keys that outlive it too.
    pub async fn lasting(store: Store, keys: &std::path::Path) -> Self {
        let agent = LocalAgent::open_or_create(keys, Suite::International).unwrap();
        Self::found(Self::over(store, Arc::new(Console), agent, Self::beside(keys), 1).await).await
    }

    /// Objects that outlive this process too.
    fn beside(keys: &std::path::Path) -> Objects {
        Objects::local(&keys.with_extension("objects")).unwrap()
    }

    /// The organisations every story needs.
    async fn found(mut kit: Self) -> Self {
        let [hq, city, audit_centre] = [0_u8; 3].map(|_| OrganisationId(kit.app.ids.next(start())));
        kit.app
            .write(move |tx| {
                let mut found = |id, kind, parent, region, zh, en| {
                    organisation::create(tx, &organisation::NewOrganisation { id, kind, parent, region, zh, en }, start())
                };
                found(hq, OrganisationKind::CarrierHq, None, "", "演示通信", "Demo Telecom")?;
                found(city, OrganisationKind::City, Some(hq), CITY, "演示一市分公司", "City One Branch")?;
                found(audit_centre, OrganisationKind::AuditCentre, Some(hq), "99", "审核中心", "Audit Centre")
            })
            .await
            .unwrap();
        kit.app.poll_epochs().await.unwrap();
        (kit.hq, kit.city, kit.audit_centre) = (hq, city, audit_centre);
        kit
    }

    /// On the store and keys of a [`Kit::lasting`], after its process died. Another seed makes other ids than any kit before it made.
    pub async fn again(store: Store, keys: &std::path::Path, seed: u64) -> Self {
        let agent = LocalAgent::open_or_create(keys, Suite::International).unwrap();
        let mut kit = Self::over(store, Arc::new(Console), agent, Self::beside(keys), seed).await;
        let founded = kit.app.read(|tx| {
            let mut found = |kind: OrganisationKind| -> chuangsha_app::platform::failure::Result<_> {
                let sql = "SELECT id FROM organisation WHERE kind = $1 ORDER BY id LIMIT 1";
                Ok(OrganisationId(tx.query_one(sql, &[kind.as_str().into()])?.uuid(0)?))
            };
            Ok((found(OrganisationKind::CarrierHq)?, found(OrganisationKind::City)?, found(OrganisationKind::AuditCentre)?))
        });
        (kit.hq, kit.city, kit.audit_centre) = founded.await.unwrap();
        kit.app.poll_epochs().await.unwrap();
        kit
    }

    /// The application and its surroundings over a store, whatever is in it.
    async fn over(store: Store, sms: Arc<dyn Sms>, agent: LocalAgent, objects: Objects, seed: u64) -> Self {
        Self::around(store, sms, None, agent, objects, seed).await
    }

    async fn around(
        store: Store,
        sms: Arc<dyn Sms>,
        element: Option<Arc<dyn network::NetworkElement>>,
        agent: LocalAgent,
        objects: Objects,
        seed: u64,
    ) -> Self {
        // Another crate of the test may have installed it already.
        drop(rustls_provider());
        let clock = Arc::new(SettableClock::at(start()));
        let ids = Arc::new(Ids::seeded(seed));
        let authority = VerificationAuthority::start(1).await.unwrap();
        let network = NetworkElement::start().await.unwrap();
        let client = http_client().unwrap();
        let quick = Backoff { first_ms: 1, cap_ms: 2 };
        let verifier = HttpVerifierSettings {
            url: authority.url(),
            timeout_ms: 2_000,
            attempts: 1,
            backoff: quick,
            ..HttpVerifierSettings::default()
        };
        let rules = chuangsha_app::rulebook::embedded(true).unwrap();
        let config = AppConfig::default();
        let app = App::new(Parts {
            engine: screening::engine(&rules, clock.now(), &config.screening, seed).unwrap(),
            watch: Arc::new(screening::Watch::new(&config.screening)),
            tokens: None,
            vault: Vault::new(Arc::new(agent), "demo", Suite::International),
            rules: Arc::new(rules),
            matrix: Arc::new(Matrix::embedded().unwrap()),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            people: People::new(PeopleConfig { demo: true, ..PeopleConfig::default() }, &ids).unwrap(),
            objects,
            mark_font: None,
            verifier: Arc::new(HttpVerifier::new(client.clone(), verifier, Arc::clone(&clock) as Arc<dyn Clock>, Arc::clone(&ids))),
            network: element.unwrap_or_else(|| Arc::new(Tmf640::new(client, Tmf640Settings { url: network.url(), timeout_ms: 2_000 }))),
            sms,
            config,
            audit_key: OnceLock::new(),
            integrator: tokio::sync::Mutex::default(),
            bell: Arc::default(),
            ids,
            store,
        });
        app.store.migrate(MIGRATIONS).await.unwrap();
        let nobody = OrganisationId(Uuid::nil());
        Self { app, clock, authority, network, hq: nobody, city: nobody, audit_centre: nobody }
    }

    /// The same application, with the same keys and surroundings, started anew on another store that already has its schema.
    pub async fn app_on(&self, store: Store) -> App {
        let again = self.parts(store, self.app.config.clone(), None);
        again.poll_epochs().await.unwrap();
        again
    }

    /// The same application on the same store, otherwise configured.
    pub fn app_with(&self, change: impl FnOnce(&mut AppConfig)) -> App {
        let mut config = self.app.config.clone();
        change(&mut config);
        self.parts(self.app.store.clone(), config, None)
    }

    /// The same application on the same store, with somebody who checks the identity tokens of calls.
    pub fn app_checking(&self, tokens: Arc<dyn Vouch>) -> App {
        self.parts(self.app.store.clone(), self.app.config.clone(), Some(tokens))
    }

    fn parts(&self, store: Store, config: AppConfig, tokens: Option<Arc<dyn Vouch>>) -> App {
        let app = &self.app;
        App::new(Parts {
            engine: screening::engine(&app.rules, app.clock.now(), &config.screening, 2).unwrap(),
            watch: Arc::new(screening::Watch::new(&config.screening)),
            tokens,
            vault: app.vault.clone(),
            rules: Arc::clone(&app.rules),
            matrix: Arc::clone(&app.matrix),
            clock: Arc::clone(&app.clock),
            people: People::new(PeopleConfig { demo: true, ..PeopleConfig::default() }, &app.ids).unwrap(),
            objects: app.objects.clone(),
            mark_font: None,
            verifier: Arc::clone(&app.verifier),
            network: Arc::clone(&app.network),
            sms: Arc::clone(&app.sms),
            config,
            audit_key: OnceLock::new(),
            integrator: tokio::sync::Mutex::default(),
            bell: Arc::default(),
            ids: Arc::clone(&app.ids),
            store,
        })
    }

    /// A member of staff of headquarters with an account, by number.
    pub async fn staff(&self, number: &'static str, role: Role) -> StaffId {
        self.staff_of(number, role, self.hq).await
    }

    /// A member of staff of an organisation with an account, by number.
    pub async fn staff_of(&self, number: &'static str, role: Role, organisation: OrganisationId) -> StaffId {
        let id = StaffId(self.app.ids.next(start()));
        let app = self.app.clone();
        self.app
            .write(move |tx| {
                let new = chuangsha_app::platform::people::staff::NewStaff {
                    id,
                    number,
                    name: "测试",
                    organisation,
                    roles: RoleSet::of(&[role]),
                    password: "-",
                    must_change: true,
                    trained_until: None,
                };
                app.join(tx, &new, start())
            })
            .await
            .unwrap();
        id
    }

    /// An outlet that may register people.
    pub async fn outlet(&self, code: &str, kind: ChannelKind) -> OrganisationId {
        let id = OrganisationId(self.app.ids.next(start()));
        let (code, city) = (code.to_owned(), self.city);
        self.app.write(move |tx| open_outlet(tx, id, city, &code, kind, "演示网点")).await.unwrap();
        id
    }

    /// Outlets with rare characters in their name, `S-000000` on, many in one transaction.
    pub async fn outlets(&self, from: u32, count: u32) {
        for from in (from..from + count).step_by(500) {
            let (app, city) = (self.app.clone(), self.city);
            self.app
                .write(move |tx| {
                    for number in from..from + 500.min(count) {
                        let id = OrganisationId(app.ids.next(start()));
                        open_outlet(tx, id, city, &format!("S-{number:06}"), ChannelKind::SocialOutlet, "㼆𠮷鿃营业厅")?;
                    }
                    Ok(())
                })
                .await
                .unwrap();
        }
    }

    /// Somebody with a role, signed in with everything that role needs.
    pub fn actor(&self, role: Role, kind: OrganisationKind, organisation: OrganisationId, region: &str) -> Actor {
        Actor {
            staff: StaffId(self.app.ids.next(start())),
            number: format!("T-{}", role.as_str()),
            organisation,
            organisation_kind: kind,
            region: region.to_owned(),
            carrier: Some(self.hq),
            roles: RoleSet::of(&[role]),
            mfa_at: Some(self.app.clock.now()),
            passkey: true,
            trained_until: Some(start().plus_ms(300 * DAY_MS)),
            address: "127.0.0.*".to_owned(),
            session: None,
            key_actions: None,
            alive: CancellationToken::new(),
        }
    }

    /// A trained clerk of an outlet.
    pub fn clerk(&self, outlet: OrganisationId) -> Actor {
        self.actor(Role::Clerk, OrganisationKind::Channel, outlet, CITY)
    }

    /// An auditor of the audit centre.
    pub fn auditor(&self) -> Actor {
        self.actor(Role::Auditor, OrganisationKind::AuditCentre, self.audit_centre, "99")
    }

    /// A senior auditor of the audit centre.
    pub fn senior(&self) -> Actor {
        self.actor(Role::SeniorAuditor, OrganisationKind::AuditCentre, self.audit_centre, "99")
    }

    /// Fills the pool with free voice numbers `1990000….`; gives their ids.
    pub async fn numbers(&self, from: u32, count: u32) -> Vec<Uuid> {
        let app = self.app.clone();
        self.app
            .write(move |tx| {
                let mut ids = Vec::new();
                for index in from..from + count {
                    let digits = format!("199{index:08}");
                    let id = app.ids.next(start());
                    let number = table::PoolNumber {
                        id,
                        index: app.vault.blind(chuangsha_vault::Field::Phone, &format!("86{digits}"))?.0.to_vec(),
                        sealed: app.seal_pool_number(tx, id, &digits)?,
                        region: CITY.to_owned(),
                        product: Product::Voice,
                        state: table::NumberState::Free as i64,
                        holder: None,
                    };
                    table::add_number(tx, &number)?;
                    ids.push(id);
                }
                Ok(ids)
            })
            .await
            .unwrap()
    }

    /// Carries out what waits in the outbox, until nothing due is left; says how many messages moved.
    pub async fn work(&self) -> usize {
        let templates = Arc::new(Templates::embedded().unwrap());
        let handlers: [(&str, Arc<dyn Handler>); 3] = [
            ("verification", Arc::new(gate::VerificationHandler(self.app.clone()))),
            ("network", Arc::new(gate::NetworkHandler(self.app.clone()))),
            ("sms", Arc::new(gate::MessageHandler(self.app.clone(), templates))),
        ];
        let mut moved = 0;
        loop {
            let mut turn = 0;
            for (topic, handler) in &handlers {
                let worker = Worker {
                    store: self.app.store.clone(),
                    settings: WorkerSettings::new(topic, "kit"),
                    handler: Arc::clone(handler),
                    clock: Arc::clone(&self.app.clock),
                    ids: Arc::clone(&self.app.ids),
                    wake: Arc::default(),
                };
                turn += worker.turn().await.unwrap();
            }
            if turn == 0 {
                return moved;
            }
            moved += turn;
        }
    }

    /// A draft, reserved for the person with this index.
    pub async fn reserved(&self, clerk: &Actor, number: Uuid, person: u16) -> Result<OrderId, chuangsha_app::platform::failure::Failure> {
        let input = NewOrder { number, mode: Mode::Counter, product: Product::Voice, customer: Customer::Individual };
        let id = chuangsha_app::registration::desk::open(&self.app, clerk, input).await?;
        chuangsha_app::registration::desk::reserve(&self.app, clerk, id, reservation(1, person)).await?;
        Ok(id)
    }

    /// From the picked number to the checked submission.
    pub async fn submitted(&self, clerk: &Actor, number: Uuid, person: u16) -> Order {
        let id = self.reserved(clerk, number, person).await.unwrap();
        self.pictures(clerk, id).await;
        let capture = Capture { version: 2, original_seen: true, warning_read: true, face_declined: false, agreement_clause: false };
        let order = chuangsha_app::registration::desk::capture(&self.app, clerk, id, capture).await.unwrap();
        chuangsha_app::registration::desk::submit(&self.app, clerk, id, order.version).await.unwrap();
        self.work().await;
        self.order(id).await
    }

    /// The four pictures every resident needs.
    pub async fn pictures(&self, clerk: &Actor, id: OrderId) {
        let card = pictures::Card { name: "TEST", number: "990101", address: "DEMO", valid: "2020-01-01 - 2040-01-01", seed: 1 };
        let shots = [
            (ImageKind::DocumentFront, pictures::document_front(&card, None)),
            (ImageKind::DocumentBack, pictures::document_back(&card, None)),
            (ImageKind::LivePhoto, pictures::live_photo(1)),
            (ImageKind::Signature, pictures::signature(1)),
        ];
        for (kind, bytes) in shots {
            chuangsha_app::registration::desk::add_image(&self.app, clerk, id, kind, bytes).await.unwrap();
        }
    }

    /// The order as it stands.
    pub async fn order(&self, id: OrderId) -> Order {
        self.app.read(move |tx| table::find(tx, id)).await.unwrap()
    }

    /// How many rows break a named invariant.
    pub async fn broken(&self) -> Vec<&'static str> {
        self.app
            .read(|tx| {
                let mut broken = Vec::new();
                for (name, sql) in table::CHECKS {
                    if tx.query_one(sql, &[])?.int(0)? != 0 {
                        broken.push(*name);
                    }
                }
                Ok(broken)
            })
            .await
            .unwrap()
    }
}

/// Installs the process-wide TLS provider once.
fn rustls_provider() -> Result<(), Arc<rustls::crypto::CryptoProvider>> {
    rustls::crypto::ring::default_provider().install_default()
}

/// One outlet, open for business, under its city.
fn open_outlet(tx: &mut Tx, id: OrganisationId, city: OrganisationId, code: &str, kind: ChannelKind, zh: &str) -> Result<(), Failure> {
    let new =
        organisation::NewOrganisation { id, kind: OrganisationKind::Channel, parent: Some(city), region: CITY, zh, en: "Demo outlet" };
    organisation::create(tx, &new, start())?;
    let channel = channels::Channel {
        organisation: id,
        code: code.to_owned(),
        kind,
        region: CITY.to_owned(),
        state: channels::State::Active,
        version: 1,
        clauses: channels::Clause::COMPLETE,
        reader: true,
        app: true,
        warnings: 0,
        updated_at: start(),
    };
    channels::insert(tx, &channel)
}

/// The resident ID of the demo person with this index: region 990101 is no place, so nobody real has it.
pub fn resident_id(person: u16) -> String {
    let birth = date(1980, 1, 1).saturating_add(jiff::Span::new().days(i64::from(person / 900)));
    ResidentId::compose("990101", birth, person % 900 + 1).unwrap()
}

/// A resident's card, read by a reader.
pub fn holder(person: u16) -> PartyInput {
    let text = |text: &str| Zeroizing::new(text.to_owned());
    PartyInput {
        document_kind: "resident_id".to_owned(),
        document_number: text(&resident_id(person)),
        name: text("测试甲"),
        address: text("演示省演示一市示范区一号"),
        country: None,
        phone: Some(text("19900009999")),
        valid_from: Some("2020-01-01".to_owned()),
        valid_until: Some("2040-01-01".to_owned()),
    }
}

/// That card, asking for a number.
pub fn reservation(version: i64, person: u16) -> Reservation {
    Reservation { version, entry: "reader".to_owned(), holder: holder(person), agent: None, organisation: None, handler: None }
}
