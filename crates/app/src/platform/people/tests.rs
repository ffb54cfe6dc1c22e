//! The stories of people: who gets in, who is thrown out, and who cannot be kept out. Each runs on every engine the machine has.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a test that fails stops")]

use std::sync::Arc;

use axum::{
    body::{Body, to_bytes},
    http::{Request, StatusCode, header},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chuangsha_kernel::{
    id::{Ids, OrganisationId, StaffId},
    role::{Action, OrganisationKind, Role, RoleSet},
    time::{DAY_MS, HOUR_MS, MINUTE_MS, SettableClock, Timestamp},
};
use chuangsha_store::{
    Store, params,
    testkit::{TestStore, engines},
};
use chuangsha_vault::Vault;
use ring::{
    digest,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair},
};
use serde_json::{Value, json};
use tower::ServiceExt;
use uuid::Uuid;

use super::{
    extract::Origin,
    login::Credentials,
    organisation::{self, NewOrganisation},
    password::{Password, hash_now},
    session::{self, Live, Presented, Step, Token, hash},
    staff::{self, NewStaff},
    totp,
};
use crate::{
    App,
    platform::{edge, failure::Failure},
};

pub(crate) const START: Timestamp = Timestamp(1_780_000_000_000);
const PASSWORD: &str = "correct horse 电池 staple";

/// One node over a store, with a people world in it: headquarters, a province, a city, an outlet and an audit centre.
pub(crate) struct World {
    pub app: App,
    pub clock: Arc<SettableClock>,
    pub hq: OrganisationId,
    pub city: OrganisationId,
    pub outlet: OrganisationId,
    pub audit_centre: OrganisationId,
    hash: String,
    store: Store,
    vault: Vault,
    config: super::PeopleConfig,
    _store: TestStore,
}

fn origin(address: &str) -> Origin {
    Origin { address: address.to_owned(), device: None }
}

fn code_of(failure: &Failure) -> &'static str {
    match failure {
        Failure::Problem(problem) => problem.code.id,
        other => panic!("not a problem: {other}"),
    }
}

impl World {
    pub async fn on(store: TestStore) -> Self {
        Self::with(store, super::PeopleConfig::default()).await
    }

    pub async fn with(test: TestStore, config: super::PeopleConfig) -> Self {
        let clock = Arc::new(SettableClock::at(START));
        let store = test.store.clone();
        store.migrate(crate::MIGRATIONS).await.unwrap();
        let vault = crate::testkit::vault();
        let app = crate::testkit::app(store.clone(), vault.clone(), Arc::clone(&clock) as _, 1, config.clone());
        let id = |n| OrganisationId(Uuid::from_u128(n));
        let (hq, province, city, outlet, audit_centre) = (id(1), id(2), id(3), id(4), id(5));
        let founding = [
            (hq, OrganisationKind::CarrierHq, None, ""),
            (province, OrganisationKind::Province, Some(hq), "99"),
            (city, OrganisationKind::City, Some(province), "990100"),
            (outlet, OrganisationKind::Channel, Some(city), "990100"),
            (audit_centre, OrganisationKind::AuditCentre, Some(province), "99"),
        ];
        store
            .write(move |tx| -> Result<(), Failure> {
                for (id, kind, parent, region) in founding {
                    organisation::create(tx, &NewOrganisation { id, kind, parent, region, zh: "组织", en: "Organisation" }, START)?;
                }
                Ok(())
            })
            .await
            .unwrap();
        app.poll_epochs().await.unwrap();
        let hash = hash_now(&Password::typed(PASSWORD), &Ids::seeded(9)).unwrap();
        Self { app, clock, hq, city, outlet, audit_centre, hash, store, vault, config, _store: test }
    }

    /// Another node over the same record.
    fn another_node(&self) -> App {
        crate::testkit::app(self.store.clone(), self.vault.clone(), Arc::clone(&self.clock) as _, 2, self.config.clone())
    }

    pub async fn hire(&self, number: &str, organisation: OrganisationId, roles: &[Role]) -> StaffId {
        let (app, hash, number, roles) = (self.app.clone(), self.hash.clone(), number.to_owned(), RoleSet::of(roles));
        let id = StaffId(app.ids.next(START));
        self.store
            .write(move |tx| {
                let trained_until = Some(START.plus_ms(365 * DAY_MS));
                let new = NewStaff {
                    id,
                    number: &number,
                    name: "张试验",
                    organisation,
                    roles,
                    password: &hash,
                    must_change: false,
                    trained_until,
                };
                app.join(tx, &new, START)
            })
            .await
            .unwrap();
        id
    }

    /// Hires with a generator enrolled; its secret is the demo's.
    pub async fn hire_with_totp(&self, number: &str, organisation: OrganisationId, roles: &[Role]) -> StaffId {
        let id = self.hire(number, organisation, roles).await;
        let (app, secret) = (self.app.clone(), totp::demo_secret(number));
        self.store.write(move |tx| app.set_totp(tx, id, &secret, 0)).await.unwrap();
        id
    }

    fn code(&self, number: &str) -> String {
        totp::code(&totp::demo_secret(number), self.app.clock.now()).unwrap()
    }

    async fn sign_in(&self, number: &str, password: &str, code: Option<String>, from: Origin) -> Result<super::Opened, Failure> {
        self.app.sign_in(Credentials { number: number.to_owned(), password: password.to_owned(), code }, from).await
    }

    async fn live(&self, token: &Token) -> Option<Arc<Live>> {
        self.app.live(Presented::Session(token.hash()), "10.0.0.*").await.unwrap()
    }

    /// Signs in with a fresh code.
    pub async fn arrive(&self, number: &str) -> Token {
        self.clock.advance_ms(31_000);
        self.sign_in(number, PASSWORD, Some(self.code(number)), origin("10.0.0.*")).await.unwrap().token
    }
}

macro_rules! story {
    ($(#[$doc:meta])* async fn $name:ident($world:ident: World) $body:block) => {
        $(#[$doc])*
        #[tokio::test]
        async fn $name() {
            for store in engines().await {
                println!("on {}", store.name);
                let $world = World::on(store).await;
                $body
            }
        }
    };
}

story! {
    async fn a_clerk_signs_in_with_password_and_code_and_a_code_serves_once(w: World) {
        w.hire_with_totp("A1024", w.outlet, &[Role::Clerk]).await;
        let code = w.code("A1024");
        let opened = w.sign_in(" a1024 ", PASSWORD, Some(code.clone()), origin("10.0.0.*")).await.unwrap();
        assert_eq!(opened.standing.step, Step::Done);
        assert_eq!(opened.actor.number, "A1024");
        assert_eq!(opened.actor.carrier, Some(w.hq));
        let live = w.live(&opened.token).await.unwrap();
        live.actor.require(&w.app, Action::OrderSubmit, &live.actor.here()).unwrap();

        let again = w.sign_in("A1024", PASSWORD, Some(code), origin("10.0.0.*")).await.unwrap_err();
        assert_eq!(code_of(&again), "people.second_factor");
        w.clock.advance_ms(31_000);
        w.sign_in("A1024", PASSWORD, Some(w.code("A1024")), origin("10.0.0.*")).await.unwrap();

        // Without a code the session owes one, and gives it later under a new token.
        let half = w.sign_in("A1024", PASSWORD, None, origin("10.0.0.*")).await.unwrap();
        assert_eq!(half.standing.step, Step::SecondFactor);
        let live = w.live(&half.token).await.unwrap();
        w.clock.advance_ms(31_000);
        let whole = w.app.give_code(&live, w.code("A1024"), origin("10.0.0.*")).await.unwrap();
        assert_eq!(whole.standing.step, Step::Done);
        assert!(w.live(&half.token).await.is_none(), "the token known before the step-up is worth nothing");
        assert!(w.live(&whole.token).await.is_some());
    }
}

story! {
    async fn unknown_number_wrong_password_and_leaver_get_the_same_answer(w: World) {
        let id = w.hire("A1", w.outlet, &[Role::Clerk]).await;
        let mut answers = Vec::new();
        answers.push(w.sign_in("A1", "not the password", None, origin("10.0.1.*")).await.unwrap_err());
        answers.push(w.sign_in("A2", PASSWORD, None, origin("10.0.1.*")).await.unwrap_err());
        answers.push(w.sign_in("no such form!", PASSWORD, None, origin("10.0.1.*")).await.unwrap_err());
        answers.push(w.sign_in("A1", &"x".repeat(100_000), None, origin("10.0.1.*")).await.unwrap_err());
        w.store.write(move |tx| staff::leave(tx, id, START)).await.unwrap();
        answers.push(w.sign_in("A1", PASSWORD, None, origin("10.0.1.*")).await.unwrap_err());
        for answer in answers {
            assert_eq!(answer.into_problem(), chuangsha_kernel::problem::Problem::new(&super::code::CREDENTIALS));
        }
    }
}

story! {
    async fn nobody_can_lock_somebody_else_out(w: World) {
        w.hire("B7", w.outlet, &[Role::Clerk]).await;
        let first = w.sign_in("B7", PASSWORD, None, origin("10.1.0.*")).await.unwrap();
        let device = first.device.expect("a device cookie for a device not seen before");

        // Thirty wrong tries from six networks: each network slows down after five.
        let (mut wrong, mut slowed) = (0, 0);
        for network in 0..6 {
            for _ in 0..6 {
                match code_of(&w.sign_in("B7", "guess guess guess", None, origin(&format!("66.0.{network}.*"))).await.unwrap_err()) {
                    "people.credentials" => wrong += 1,
                    "people.throttled" => slowed += 1,
                    other => panic!("{other}"),
                }
            }
        }
        assert_eq!((wrong, slowed), (30, 6));
        let throttled = w.sign_in("B7", PASSWORD, None, origin("66.0.0.*")).await.unwrap_err();
        assert_eq!(code_of(&throttled), "people.throttled", "even the right password waits there");

        // The owner gets in: from the own device at once, from another network in the slow lane.
        let known = Origin { address: "66.0.0.*".to_owned(), device: Some(device.hash()) };
        w.sign_in("B7", PASSWORD, None, known).await.expect("a known device keeps its own budget, even from the attacker's network");
        w.sign_in("B7", PASSWORD, None, origin("10.9.9.*")).await.expect("another address is slower, not shut out");

        // A stolen device cookie of somebody else opens nothing.
        w.hire("B8", w.outlet, &[Role::Clerk]).await;
        let foreign = Origin { address: "66.0.0.*".to_owned(), device: Some(device.hash()) };
        w.sign_in("B8", PASSWORD, None, foreign).await.expect("B8 itself was never attacked");
        let waited = {
            w.clock.advance_ms(5_000);
            w.sign_in("B7", PASSWORD, None, origin("66.0.0.*")).await
        };
        waited.expect("five seconds pay for the sixth try");
    }
}

story! {
    async fn wrong_codes_slow_the_one_who_knows_the_password(w: World) {
        w.hire_with_totp("C1", w.outlet, &[Role::Clerk]).await;
        let device = w.sign_in("C1", PASSWORD, Some(w.code("C1")), origin("10.0.0.*")).await.unwrap().device.unwrap();
        let mut answers = Vec::new();
        for network in 0..12 {
            answers.push(code_of(&w.sign_in("C1", PASSWORD, Some("000000".into()), origin(&format!("66.1.{network}.*"))).await.unwrap_err()));
        }
        assert_eq!(answers.iter().filter(|answer| **answer == "people.second_factor").count(), 10);
        assert_eq!(answers[10..], ["people.throttled"; 2], "a new network does not help");
        w.clock.advance_ms(31_000);
        let known = Origin { address: "66.1.0.*".to_owned(), device: Some(device.hash()) };
        w.sign_in("C1", PASSWORD, Some(w.code("C1")), known).await.expect("the owner's device is not slowed");
    }
}

/// Writes sessions straight into the record: a thousand Argon2 checks would test nothing more.
async fn sessions_of(w: &World, id: StaffId, count: usize) -> Vec<Token> {
    let app = w.app.clone();
    let now = w.app.clock.now();
    w.store
        .write(move |tx| -> Result<_, Failure> {
            let login = tx.query_one("SELECT login FROM staff WHERE id = $1", &params![&id.0])?.bytes(0)?;
            let account = staff::account(tx, &login)?.unwrap();
            let mut tokens = Vec::new();
            for _ in 0..count {
                let token = Token::fresh(&app.ids);
                session::open(tx, &account, app.ids.next(now), &token.hash(), "totp", "10.0.0.*", now)?;
                tokens.push(token);
            }
            Ok(tokens)
        })
        .await
        .unwrap()
}

story! {
    async fn a_leaver_and_a_terminated_outlet_lose_a_thousand_sessions_streams_and_keys_at_the_next_poll(w: World) {
        let manager = w.hire("M1", w.city, &[Role::CityManager]).await;
        let leaver = w.hire("D1", w.outlet, &[Role::Clerk]).await;
        let colleague = w.hire("D2", w.outlet, &[Role::Clerk]).await;
        let elsewhere = w.hire("E1", w.audit_centre, &[Role::Auditor]).await;
        let node = w.another_node();
        let (gone, stays, outside) = (sessions_of(&w, leaver, 1_000).await, sessions_of(&w, colleague, 1_000).await, sessions_of(&w, elsewhere, 1).await);
        let key = key_of(&w, leaver).await;
        let key_stays = key_of(&w, colleague).await;

        // Everything is in use on both nodes: remembered, with open streams.
        let mut streams = Vec::new();
        for app in [&w.app, &node] {
            for token in gone.iter().chain(&stays).chain(&outside) {
                streams.push(app.live(Presented::Session(token.hash()), "").await.unwrap().unwrap().actor.alive.clone());
            }
            for key in [&key, &key_stays] {
                streams.push(app.live(Presented::Key(hash(key)), "").await.unwrap().unwrap().actor.alive.clone());
            }
        }
        assert!(streams.iter().all(|stream| !stream.is_cancelled()));

        let by = w.app.live(Presented::Session(sessions_of(&w, manager, 1).await[0].hash()), "").await.unwrap().unwrap();
        let mut actor = by.actor.clone();
        assert_eq!(code_of(&w.app.let_go(&actor, leaver).await.unwrap_err()), "people.denied", "a code is no passkey");
        actor.passkey = true;
        w.app.let_go(&actor, leaver).await.unwrap();
        // No time passes: the other node's one poll is all there is. It polls twice a second.
        node.poll_epochs().await.unwrap();
        for app in [&w.app, &node] {
            for token in &gone {
                assert!(app.live(Presented::Session(token.hash()), "").await.unwrap().is_none());
            }
            assert!(app.live(Presented::Key(hash(&key)), "").await.unwrap().is_none(), "the key dies with its maker");
            for token in stays.iter().chain(&outside) {
                assert!(app.live(Presented::Session(token.hash()), "").await.unwrap().is_some());
            }
        }
        assert_eq!(streams.iter().filter(|stream| stream.is_cancelled()).count(), 2 * 1_001);

        let outlet = w.outlet;
        w.store.write(move |tx| organisation::terminate(tx, outlet, START)).await.unwrap();
        for app in [&w.app, &node] {
            app.poll_epochs().await.unwrap();
            for token in &stays {
                assert!(app.live(Presented::Session(token.hash()), "").await.unwrap().is_none());
            }
            assert!(app.live(Presented::Key(hash(&key_stays)), "").await.unwrap().is_none());
            assert!(app.live(Presented::Session(outside[0].hash()), "").await.unwrap().is_some(), "others work on");
        }
        assert_eq!(streams.iter().filter(|stream| stream.is_cancelled()).count(), 4 * 1_001);
        let back = w.sign_in("D2", PASSWORD, None, origin("10.0.0.*")).await.unwrap_err();
        assert_eq!(code_of(&back), "people.credentials");
    }
}

/// A key of a person who could not make one: written straight into the record.
async fn key_of(w: &World, id: StaffId) -> String {
    let text = format!("csk_{}", Token::fresh(&w.app.ids).as_str());
    let (key_hash, key, now) = (hash(&text), w.app.ids.next(START), w.app.clock.now());
    w.store
        .write(move |tx| -> Result<(), Failure> {
            let row = tx.query_one(
                "SELECT s.epoch, o.epoch, o.id FROM staff s JOIN organisation o ON o.id = s.organisation WHERE s.id = $1",
                &params![&id.0],
            )?;
            tx.push(
                "INSERT INTO api_key (id, hash, staff, organisation, staff_epoch, organisation_epoch, name, actions, created, expires)
                 VALUES ($1, $2, $3, $4, $5, $6, 'test', 'order.view,order.approve,people.manage', $7, $8)",
                &params![&key, &key_hash, &id.0, &row.uuid(2)?, row.int(0)?, row.int(1)?, now, now.plus_ms(DAY_MS)],
            )?;
            Ok(())
        })
        .await
        .unwrap();
    text
}

story! {
    async fn a_key_does_what_it_was_given_and_never_what_needs_a_passkey(w: World) {
        let id = w.hire("F1", w.audit_centre, &[Role::Auditor]).await;
        let key = key_of(&w, id).await;
        let live = w.app.live(Presented::Key(hash(&key)), "10.0.0.*").await.unwrap().unwrap();
        let order = w.app.live(Presented::Key(hash(&key)), "").await.unwrap().unwrap().actor.here();
        let refused = live.actor.require(&w.app, Action::AuditView, &order).unwrap_err();
        assert_eq!(code_of(&refused), "people.key_scope");
        let refused = live.actor.require(&w.app, Action::OrderApprove, &order).unwrap_err();
        assert_eq!(code_of(&refused), "people.denied", "a key is no passkey");
        assert!(w.app.live(Presented::Session(hash(&key)), "").await.unwrap().is_none(), "a key is no session");
        w.clock.advance_ms(DAY_MS);
        assert!(w.app.live(Presented::Key(hash(&key)), "").await.unwrap().is_none(), "it ends on its day");
    }
}

story! {
    async fn a_session_ends_after_fifteen_idle_minutes_and_after_ten_hours(w: World) {
        let id = w.hire("G1", w.outlet, &[Role::Clerk]).await;
        let tokens = sessions_of(&w, id, 2).await;
        let stream = w.live(&tokens[0]).await.unwrap().actor.alive.clone();
        w.clock.advance_ms(14 * MINUTE_MS);
        assert!(w.live(&tokens[0]).await.is_some());
        w.clock.advance_ms(2 * MINUTE_MS);
        assert!(w.live(&tokens[0]).await.is_some(), "used two minutes ago");
        assert!(w.live(&tokens[1]).await.is_none(), "never used");
        let node = w.another_node();
        w.clock.advance_ms(14 * MINUTE_MS);
        assert!(node.live(Presented::Session(tokens[0].hash()), "").await.unwrap().is_some(), "another node knows of the last use");
        for _ in 0..100 {
            w.clock.advance_ms(6 * MINUTE_MS);
            if w.clock_now() < START.plus_ms(10 * HOUR_MS) {
                assert!(w.live(&tokens[0]).await.is_some());
            }
        }
        assert!(w.live(&tokens[0]).await.is_none(), "however busy");
        w.app.poll_epochs().await.unwrap();
        assert!(stream.is_cancelled(), "its stream ends with it");
    }
}

impl World {
    fn clock_now(&self) -> Timestamp {
        self.app.clock.now()
    }
}

/// A passkey in software: ES256, attestation none, user verified.
struct SoftKey {
    pair: EcdsaKeyPair,
    id: Vec<u8>,
    counter: u32,
}

impl SoftKey {
    fn new(id: &[u8]) -> Self {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, document.as_ref(), &random).unwrap();
        Self { pair, id: id.to_vec(), counter: 0 }
    }

    fn data(&mut self, flags: u8) -> Vec<u8> {
        self.counter += 1;
        let mut data = digest::digest(&digest::SHA256, b"localhost").as_ref().to_vec();
        data.push(flags);
        data.extend(self.counter.to_be_bytes());
        data
    }

    fn client(kind: &str, options: &Value, origin: &str) -> Vec<u8> {
        let challenge = options["publicKey"]["challenge"].as_str().unwrap();
        json!({"type": kind, "challenge": challenge, "origin": origin, "crossOrigin": false}).to_string().into_bytes()
    }

    fn create(&mut self, options: &Value, origin: &str) -> Value {
        let client = Self::client("webauthn.create", options, origin);
        let mut data = self.data(0x45);
        data.extend([0; 16]);
        data.extend(u16::try_from(self.id.len()).unwrap().to_be_bytes());
        data.extend(&self.id);
        let point = self.pair.public_key().as_ref();
        data.extend([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20]);
        data.extend(&point[1..33]);
        data.extend([0x22, 0x58, 0x20]);
        data.extend(&point[33..65]);
        let mut object = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x59".to_vec();
        object.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        object.extend(data);
        let id = URL_SAFE_NO_PAD.encode(&self.id);
        json!({"id": id, "rawId": id, "type": "public-key", "extensions": {},
               "response": {"attestationObject": URL_SAFE_NO_PAD.encode(object), "clientDataJSON": URL_SAFE_NO_PAD.encode(client)}})
    }

    fn get(&mut self, options: &Value, origin: &str) -> Value {
        let client = Self::client("webauthn.get", options, origin);
        let data = self.data(0x05);
        let signed = [data.as_slice(), digest::digest(&digest::SHA256, &client).as_ref()].concat();
        let signature = self.pair.sign(&SystemRandom::new(), &signed).unwrap();
        let id = URL_SAFE_NO_PAD.encode(&self.id);
        json!({"id": id, "rawId": id, "type": "public-key", "extensions": {},
               "response": {"authenticatorData": URL_SAFE_NO_PAD.encode(data), "clientDataJSON": URL_SAFE_NO_PAD.encode(client),
                            "signature": URL_SAFE_NO_PAD.encode(signature.as_ref()), "userHandle": null}})
    }
}

const OURS: &str = "https://localhost:8443";

story! {
    async fn an_auditor_is_nobody_without_a_passkey(w: World) {
        w.hire("H1", w.audit_centre, &[Role::Auditor]).await;
        let browser = Browser::new(&w);
        let (status, me) = browser.post("/session", json!({"number": "H1", "password": PASSWORD})).await;
        assert_eq!((status, &me["standing"]["step"]), (StatusCode::CREATED, &json!("enrol")));
        let (status, problem) = browser.get("/people").await;
        assert_eq!((status, &problem["code"]), (StatusCode::FORBIDDEN, &json!("people.factor_required")));

        // The first passkey is enrolled at the first sign-in and counts at once.
        let mut key = SoftKey::new(b"key-one");
        let (_, options) = browser.post("/passkeys/begin", json!({})).await;
        let foreign = key.create(&options, "https://evil.example");
        let (status, _) = browser.post("/passkeys/finish", json!({"name": "笔记本", "credential": foreign})).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "made on another origin");
        let (_, options) = browser.post("/passkeys/begin", json!({})).await;
        let before = browser.token();
        let made = key.create(&options, OURS);
        let (status, me) = browser.post("/passkeys/finish", json!({"name": "笔记本", "credential": made})).await;
        assert_eq!((status, &me["standing"]["step"]), (StatusCode::CREATED, &json!("done")), "{me}");
        assert_ne!(before, browser.token(), "a new token for the new strength");
        let (status, _) = browser.post("/passkeys/finish", json!({"name": "again", "credential": made})).await;
        assert_eq!(status, StatusCode::CONFLICT, "a ceremony serves once");

        // The next sign-in asks for it. A thief of the password can neither pass nor enrol a key of their own.
        let thief = Browser::new(&w);
        let (_, me) = thief.post("/session", json!({"number": "H1", "password": PASSWORD})).await;
        assert_eq!(me["standing"]["step"], "second_factor");
        for path in ["/passkeys/begin", "/totp/begin"] {
            let (status, problem) = thief.post(path, json!({})).await;
            assert_eq!((status, &problem["code"]), (StatusCode::FORBIDDEN, &json!("people.enrol_needs_factor")), "{path}");
        }
        let (_, options) = thief.post("/session/passkey/begin", json!({})).await;
        let forged = SoftKey::new(b"key-one").get(&options, OURS);
        let (status, _) = thief.post("/session/passkey/finish", forged).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "signed with another key");
        let (_, options) = thief.post("/session/passkey/begin", json!({})).await;
        let (status, me) = thief.post("/session/passkey/finish", key.get(&options, OURS)).await;
        assert_eq!((status, &me["standing"]["step"]), (StatusCode::OK, &json!("done")), "with the real key: {me}");

        let live = w.app.live(Presented::Session(hash(&thief.token())), "").await.unwrap().unwrap();
        let order = chuangsha_kernel::role::Resource { owner: Some(StaffId(Uuid::from_u128(77))), organisation: Some(w.outlet), carrier: Some(w.hq), ..live.actor.here() };
        live.actor.require(&w.app, Action::OrderApprove, &order).unwrap();
        let own = live.actor.require(&w.app, Action::OrderApprove, &live.actor.here()).unwrap_err();
        assert_eq!(code_of(&own), "people.denied");
        assert!(own.into_problem().title(chuangsha_kernel::problem::Language::English).starts_with("denied by rule R11:"));
    }
}

/// A browser, as far as cookies and the origin go.
struct Browser {
    router: axum::Router,
    cookies: std::sync::Mutex<std::collections::BTreeMap<String, String>>,
}

impl Browser {
    fn new(w: &World) -> Self {
        let (router, _) = super::http::routes().split_for_parts();
        Self { router: edge::wrap(router, &w.app, &edge::EdgeConfig::default()), cookies: std::sync::Mutex::default() }
    }

    fn token(&self) -> String {
        self.cookies.lock().unwrap()[super::extract::SESSION_COOKIE].clone()
    }

    async fn send(&self, method: &str, path: &str, body: Option<Value>) -> axum::response::Response {
        let cookies = self.cookies.lock().unwrap().iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
        let request = Request::builder().method(method).uri(path).header("sec-fetch-site", "same-origin").header(header::COOKIE, cookies);
        let request = match body {
            Some(body) => request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_string())),
            None => request.body(Body::empty()),
        };
        let response = self.router.clone().oneshot(request.unwrap()).await.unwrap();
        for cookie in response.headers().get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            assert!(cookie.contains("; Path=/; Secure; HttpOnly; SameSite=Strict"), "{cookie}");
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.lock().unwrap().insert(name.to_owned(), value.to_owned());
        }
        response
    }

    async fn json(response: axum::response::Response) -> (StatusCode, Value) {
        let status = response.status();
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        Self::json(self.send("POST", path, Some(body)).await).await
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        Self::json(self.send("GET", path, None).await).await
    }
}

story! {
    async fn joiners_movers_and_leavers_go_through_the_manager_of_their_city(w: World) {
        let manager = w.hire("M1", w.city, &[Role::CityManager]).await;
        let browser = Browser::new(&w);
        browser.post("/session", json!({"number": "M1", "password": PASSWORD})).await;
        let mut key = SoftKey::new(b"manager");
        let (_, options) = browser.post("/passkeys/begin", json!({})).await;
        browser.post("/passkeys/finish", json!({"credential": key.create(&options, OURS)})).await;

        let joiner = |number: &str, organisation: OrganisationId, roles: &[&str]| json!({"number": number, "name": "李试验", "organisation": organisation, "roles": roles});
        let refused = [
            (joiner("N1", w.outlet, &["clerk", "auditor"]), "people.role_conflict"),
            (joiner("N1", w.city, &["clerk"]), "people.role_misfit"),
            (joiner("N1", w.outlet, &["carrier_administrator"]), "people.role_misfit"),
            (joiner("N1", w.outlet, &[]), "people.role_unknown"),
            (joiner("N1", w.outlet, &["pirate"]), "platform.body_invalid"),
            (joiner("N 1!", w.outlet, &["clerk"]), "people.number_invalid"),
            (joiner("M1", w.outlet, &["clerk"]), "people.number_taken"),
            (joiner("N1", w.audit_centre, &["auditor"]), "people.denied"),
            (joiner("N1", OrganisationId(Uuid::from_u128(99)), &["clerk"]), "people.organisation_not_found"),
        ];
        for (body, code) in refused {
            let (_, problem) = browser.post("/people", body.clone()).await;
            assert_eq!(problem["code"], code, "{body}");
        }
        let (status, joined) = browser.post("/people", joiner("N1", w.outlet, &["clerk"])).await;
        assert_eq!(status, StatusCode::CREATED, "{joined}");
        let first = joined["first_password"].as_str().unwrap().to_owned();
        assert!(first.len() >= 20);

        // The joiner enrols a generator, then must choose a password of their own.
        let clerk = Browser::new(&w);
        let (_, me) = clerk.post("/session", json!({"number": "N1", "password": first})).await;
        assert_eq!(me["standing"]["step"], "enrol");
        let (_, secret) = clerk.post("/totp/begin", json!({})).await;
        let secret = totp_rs::Secret::try_from_base32(secret["secret"].as_str().unwrap()).unwrap();
        let code = totp::code(secret.as_bytes(), w.clock_now()).unwrap();
        let (status, me) = clerk.post("/totp/confirm", json!({"code": code})).await;
        assert_eq!((status, &me["standing"]["step"]), (StatusCode::CREATED, &json!("change_password")), "{me}");
        let (status, _) = clerk.get("/sessions").await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        for (new, code) in [("short", "people.password_short"), ("aaaaaaaaaaaaaaaa", "people.password_weak"), (&"é".repeat(300), "people.password_long")] {
            let (_, problem) = clerk.post("/session/password", json!({"old": first, "new": new})).await;
            assert_eq!(problem["code"], code);
        }
        let (status, me) = clerk.post("/session/password", json!({"old": first, "new": "cafe\u{301} 与 一杯茶 午后"})).await;
        assert_eq!((status, &me["standing"]["step"]), (StatusCode::OK, &json!("done")), "{me}");
        w.clock.advance_ms(31_000);
        let code = totp::code(secret.as_bytes(), w.clock_now()).unwrap();
        let (status, _) = Browser::new(&w).post("/session", json!({"number": "n1", "password": "caf\u{e9} 与 一杯茶 午后", "code": code})).await;
        assert_eq!(status, StatusCode::CREATED, "the same text in another form");

        let (_, list) = browser.get("/people?limit=1").await;
        assert_eq!(list["items"].as_array().unwrap().len(), 1);
        let (_, rest) = browser.get(&format!("/people?limit=50&after={}", list["next"].as_str().unwrap())).await;
        let all: Vec<_> = list["items"].as_array().unwrap().iter().chain(rest["items"].as_array().unwrap()).collect();
        assert_eq!(all.len(), 2, "the city's own two: {all:?}");
        assert!(all.iter().all(|view| view["name"].as_str().unwrap().ends_with("**")), "masked");
        assert_eq!(rest["next"], Value::Null);
        let (status, _) = browser.get("/people?after=nonsense").await;
        assert_eq!(status, StatusCode::BAD_REQUEST);

        let id = joined["id"].as_str().unwrap();
        let (status, problem) = Browser::json(browser.send("PUT", &format!("/people/{manager}/departure"), None).await).await;
        assert_eq!((status, &problem["code"]), (StatusCode::FORBIDDEN, &json!("people.own_record")));
        // Sixteen minutes later the passkey must be shown again.
        w.clock.advance_ms(10 * MINUTE_MS);
        browser.get("/session").await;
        w.clock.advance_ms(6 * MINUTE_MS);
        let (_, problem) = Browser::json(browser.send("PUT", &format!("/people/{id}/departure"), None).await).await;
        assert_eq!(problem["code"], "people.step_up", "{problem}");
        let (_, options) = browser.post("/session/passkey/begin", json!({})).await;
        browser.post("/session/passkey/finish", key.get(&options, OURS)).await;
        // A lost phone: the manager forgets the generator, the clerk's session ends and the next sign-in enrols anew.
        assert_eq!(browser.send("DELETE", &format!("/people/{id}/factors"), None).await.status(), StatusCode::NO_CONTENT);
        let (status, _) = clerk.get("/session").await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        let (_, me) = clerk.post("/session", json!({"number": "N1", "password": "café 与 一杯茶 午后"})).await;
        assert_eq!(me["standing"]["step"], "enrol", "{me}");
        let departed = browser.send("PUT", &format!("/people/{id}/departure"), None).await;
        assert_eq!(departed.status(), StatusCode::NO_CONTENT);
        let (status, _) = clerk.get("/session").await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        let (status, _) = Browser::json(browser.send("PUT", &format!("/people/{id}/departure"), None).await).await;
        assert_eq!(status, StatusCode::CONFLICT);
    }
}

story! {
    async fn signing_out_clears_the_browser_and_ends_the_session_everywhere(w: World) {
        w.hire_with_totp("K1", w.outlet, &[Role::Clerk]).await;
        let browser = Browser::new(&w);
        let (status, me) = browser.post("/session", json!({"number": "K1", "password": PASSWORD, "code": w.code("K1")})).await;
        assert_eq!((status, &me["number"]), (StatusCode::CREATED, &json!("K1")));
        let token = browser.token();
        let node = w.another_node();
        assert!(node.live(Presented::Session(hash(&token)), "").await.unwrap().is_some());
        let (_, sessions) = browser.get("/sessions").await;
        assert_eq!(sessions.as_array().unwrap().len(), 1);
        let answer = browser.send("DELETE", "/session", None).await;
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
        assert_eq!(answer.headers()["clear-site-data"], "\"cache\", \"storage\"");
        assert_eq!(browser.token(), "", "the cookie is gone");
        assert!(w.app.live(Presented::Session(hash(&token)), "").await.unwrap().is_none());
        node.poll_epochs().await.unwrap();
        assert!(node.live(Presented::Session(hash(&token)), "").await.unwrap().is_none());
        let (status, problem) = browser.get("/session").await;
        assert_eq!((status, &problem["code"]), (StatusCode::UNAUTHORIZED, &json!("platform.sign_in")));
    }
}

story! {
    async fn what_is_kept_of_people_is_sealed_or_hashed(w: World) {
        w.hire_with_totp("Z9988", w.outlet, &[Role::Clerk]).await;
        let token = w.arrive("Z9988").await;
        let rows = w.store.read(|tx| -> Result<_, Failure> {
            let mut rows = tx.query("SELECT * FROM staff", &[])?;
            for table in ["session", "known_device", "login_attempt", "epoch", "audit_entry"] {
                rows.extend(tx.query(&format!("SELECT * FROM {table}"), &[])?);
            }
            Ok(rows)
        }).await.unwrap();
        assert!(rows.len() >= 4, "staff, session, device, audit entry");
        let secret = totp::demo_secret("Z9988");
        let clear: [&[u8]; 5] = ["张试验".as_bytes(), b"Z9988", PASSWORD.as_bytes(), token.as_str().as_bytes(), &secret];
        for value in rows.iter().flat_map(|row| row.values()) {
            let bytes: &[u8] = match value {
                chuangsha_store::Value::Text(text) => text.as_bytes(),
                chuangsha_store::Value::Bytes(bytes) => bytes,
                _ => continue,
            };
            for needle in clear {
                assert!(!bytes.windows(needle.len()).any(|window| window == needle), "{}", String::from_utf8_lossy(needle));
            }
        }
    }
}

#[tokio::test]
async fn in_the_demo_a_code_stands_in_for_the_passkey_and_nowhere_else() {
    let w = World::with(chuangsha_store::testkit::sqlite().await, super::PeopleConfig { demo: true, ..Default::default() }).await;
    w.hire_with_totp("P1", w.audit_centre, &[Role::Auditor]).await;
    let opened = w.sign_in("P1", PASSWORD, Some(w.code("P1")), origin("10.0.0.*")).await.unwrap();
    assert_eq!(opened.standing.step, Step::Done);
    assert!(opened.actor.passkey);
    let real = World::on(chuangsha_store::testkit::sqlite().await).await;
    real.hire_with_totp("P1", real.audit_centre, &[Role::Auditor]).await;
    let opened = real.sign_in("P1", PASSWORD, Some(real.code("P1")), origin("10.0.0.*")).await.unwrap();
    assert_eq!(opened.standing.step, Step::Enrol);
    assert!(!opened.actor.passkey);
}
