//! 网元: plays a service activation system that speaks TMF640 version 4, with the faults of a real one.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Json, Router,
    body::Body,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use futures_util::stream;
use serde_json::{Value, json};

use crate::listen::Listener;

const BASE: &str = "/tmf-api/ServiceActivationAndConfiguration/v4";

/// How one order is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Behaviour {
    /// Done at once.
    Done,
    /// Done, but the answer breaks off on the way.
    LostAnswer,
    /// Taken; done only when [`NetworkElement::confirm_pending`] is called.
    Late,
    /// Taken, done when asked for the nth time.
    LatePolls(u32),
    /// Not taken: this HTTP status without a body.
    Fail(u16),
    /// Not taken, for good: HTTP 422 with this code and a text that quotes the number.
    Refuse(String),
    /// A successful status and a page of HTML; nothing done.
    Garbage,
    /// Done after so many milliseconds.
    Slow(u64),
}

/// 业务实例: one service the element knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The element's id.
    pub id: String,
    /// The orderer's key.
    pub key: String,
    /// The number.
    pub number: String,
    /// `activate`, `stop_out`, ….
    pub action: String,
    /// Place among the commands to the number; 0: not ordered.
    pub sequence: i64,
    /// What stays reachable, comma-separated.
    pub reachable: String,
    /// State as the standard names it.
    pub state: String,
    /// State to be reached.
    pub wanted: String,
    /// How often the order arrived.
    pub posts: u32,
    /// How often it was carried out: more than once is a failure of the element itself.
    pub executions: u32,
    polls_left: Option<u32>,
}

/// 号码: how a number stands in the network.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Line {
    /// What was done last: `activate`, `stop_out`, ….
    pub action: String,
    /// Its sequence.
    pub sequence: i64,
    /// What stays reachable, comma-separated.
    pub reachable: String,
    /// Every action done, in order.
    pub history: Vec<String>,
}

/// A running element; dropping it stops it.
#[derive(Debug)]
pub struct NetworkElement {
    shared: Arc<Mutex<Inner>>,
    listener: Listener,
}

#[derive(Debug, Default)]
struct Inner {
    plan: VecDeque<Behaviour>,
    always: Option<Behaviour>,
    conflict_on_repeat: bool,
    services: BTreeMap<String, Service>,
    lines: BTreeMap<String, Line>,
    hubs: Vec<String>,
    calls: u32,
    next: u32,
}

type Shared = State<Arc<Mutex<Inner>>>;

impl NetworkElement {
    /// Starts on a free loopback port and carries out every order at once.
    ///
    /// # Errors
    /// No port.
    pub async fn start() -> std::io::Result<Self> {
        Self::start_at(0).await
    }

    /// As [`Self::start`] on a port of your choice.
    ///
    /// # Errors
    /// The port is taken.
    pub async fn start_at(port: u16) -> std::io::Result<Self> {
        let shared = Arc::new(Mutex::new(Inner::default()));
        let router = Router::new()
            .route(&format!("{BASE}/service"), post(order).get(list))
            .route(&format!("{BASE}/service/{{id}}"), get(one))
            .route(&format!("{BASE}/hub"), post(subscribe))
            .with_state(shared.clone());
        Ok(Self { shared, listener: Listener::start(router, port).await? })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// Base address for the adapter's settings.
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Takes the next new orders so, one each; afterwards as usual. A repetition of an order already taken uses up nothing.
    pub fn script(&self, plan: impl IntoIterator<Item = Behaviour>) {
        lock(&self.shared).plan.extend(plan);
    }

    /// Takes every unscripted order so; `None`: at once.
    pub fn always(&self, behaviour: Option<Behaviour>) {
        lock(&self.shared).always = behaviour;
    }

    /// Answers a repeated order with 409 instead of the state of the first.
    pub fn conflict_on_repeat(&self, yes: bool) {
        lock(&self.shared).conflict_on_repeat = yes;
    }

    /// Every service it knows, by id.
    pub fn services(&self) -> Vec<Service> {
        lock(&self.shared).services.values().cloned().collect()
    }

    /// How a number stands; `None`: nothing was ever done to it.
    pub fn line(&self, number: &str) -> Option<Line> {
        lock(&self.shared).lines.get(number).cloned()
    }

    /// HTTP calls so far, of any kind.
    pub fn calls(&self) -> u32 {
        lock(&self.shared).calls
    }

    /// Carries out everything that was taken but not done, and tells every registered listener. Returns how many.
    pub async fn confirm_pending(&self) -> usize {
        let (done, hubs) = {
            let mut inner = lock(&self.shared);
            let Inner { services, lines, hubs, .. } = &mut *inner;
            let done: Vec<Value> = services
                .values_mut()
                .filter(|service| service.state != service.wanted)
                .map(|service| {
                    service.execute(lines);
                    service.json()
                })
                .collect();
            (done, hubs.clone())
        };
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build();
        if let Ok(client) = client {
            for (at, service) in done.iter().enumerate() {
                let event =
                    json!({"eventId": format!("event-{at}"), "eventType": "ServiceStateChangeEvent", "event": {"service": service}});
                for hub in &hubs {
                    if let Err(error) = client.post(hub).json(&event).send().await {
                        tracing::warn!(%error, "a listener did not take the event");
                    }
                }
            }
        }
        done.len()
    }
}

fn lock(shared: &Mutex<Inner>) -> MutexGuard<'_, Inner> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Service {
    /// Does it, unless a newer command to the number was done: then it ends without effect.
    fn execute(&mut self, lines: &mut BTreeMap<String, Line>) {
        if self.state == self.wanted {
            return;
        }
        let line = lines.entry(self.number.clone()).or_default();
        if self.sequence > 0 && self.sequence <= line.sequence {
            self.state = "terminated".to_owned();
            self.wanted.clone_from(&self.state);
            return;
        }
        self.state.clone_from(&self.wanted);
        self.executions += 1;
        line.sequence = line.sequence.max(self.sequence);
        line.action.clone_from(&self.action);
        line.reachable.clone_from(&self.reachable);
        line.history.push(self.action.clone());
    }

    fn json(&self) -> Value {
        json!({
            "id": self.id, "href": format!("{BASE}/service/{}", self.id), "@type": "Service", "state": self.state,
            "externalReference": [{"id": self.key, "externalReferenceType": "idempotencyKey"}],
        })
    }

    fn polled(&mut self, lines: &mut BTreeMap<String, Line>) -> Value {
        if let Some(left) = &mut self.polls_left {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.polls_left = None;
                self.execute(lines);
            }
        }
        self.json()
    }
}

async fn order(State(shared): Shared, Json(body): Json<Value>) -> Response {
    let characteristic = |name: &str| {
        let all = body["serviceCharacteristic"].as_array();
        let found = all.and_then(|all| all.iter().find(|one| one["name"] == name));
        found.and_then(|one| one["value"].as_str()).unwrap_or_default().to_owned()
    };
    let Some(key) = body["externalReference"][0]["id"].as_str().map(str::to_owned) else {
        return (StatusCode::BAD_REQUEST, Json(json!({"code": "missingReference", "reason": "externalReference"}))).into_response();
    };
    let (behaviour, answer) = {
        let mut inner = lock(&shared);
        inner.calls += 1;
        let conflict = inner.conflict_on_repeat;
        if let Some(known) = inner.services.values_mut().find(|service| service.key == key) {
            known.posts += 1;
            if conflict {
                return (StatusCode::CONFLICT, Json(json!({"code": "duplicate", "reason": "already ordered"}))).into_response();
            }
            return Json(known.json()).into_response();
        }
        let behaviour = inner.plan.pop_front().or_else(|| inner.always.clone()).unwrap_or(Behaviour::Done);
        let number = characteristic("msisdn");
        let sequence = characteristic("sequence").parse().unwrap_or(0);
        let newest = inner.lines.get(&number).map_or(0, |line| line.sequence);
        if sequence > 0 && sequence <= newest {
            return (StatusCode::CONFLICT, Json(json!({"code": "outdated", "reason": "a newer order was carried out"}))).into_response();
        }
        match &behaviour {
            Behaviour::Fail(status) => return StatusCode::from_u16(*status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE).into_response(),
            Behaviour::Refuse(code) => {
                let error = json!({"code": code, "reason": format!("number {number} cannot be served"), "status": "422"});
                return (StatusCode::UNPROCESSABLE_ENTITY, Json(error)).into_response();
            }
            Behaviour::Garbage => return "<html>maintenance</html>".into_response(),
            _ => {}
        }
        inner.next += 1;
        let mut service = Service {
            id: format!("svc-{}", inner.next),
            key,
            number,
            action: characteristic("action"),
            sequence,
            reachable: characteristic("reachable"),
            state: "reserved".to_owned(),
            wanted: body["state"].as_str().unwrap_or("active").to_owned(),
            posts: 1,
            executions: 0,
            polls_left: match behaviour {
                Behaviour::LatePolls(polls) => Some(polls.max(1)),
                _ => None,
            },
        };
        if matches!(behaviour, Behaviour::Done | Behaviour::LostAnswer | Behaviour::Slow(_)) {
            service.execute(&mut inner.lines);
        }
        let answer = service.json();
        inner.services.insert(service.id.clone(), service);
        (behaviour, answer)
    };
    match behaviour {
        Behaviour::LostAnswer => {
            let cut = stream::iter([Ok("{\"id\":\"svc"), Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))]);
            Body::from_stream(cut).into_response()
        }
        Behaviour::Slow(ms) => {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            (StatusCode::CREATED, Json(answer)).into_response()
        }
        Behaviour::Late | Behaviour::LatePolls(_) => (StatusCode::ACCEPTED, Json(answer)).into_response(),
        _ => (StatusCode::CREATED, Json(answer)).into_response(),
    }
}

async fn list(State(shared): Shared, Query(filter): Query<BTreeMap<String, String>>) -> Json<Vec<Value>> {
    let mut inner = lock(&shared);
    inner.calls += 1;
    let key = filter.get("externalReference.id");
    let Inner { services, lines, .. } = &mut *inner;
    Json(services.values_mut().filter(|one| key.is_none_or(|key| *key == one.key)).map(|one| one.polled(lines)).collect())
}

async fn one(State(shared): Shared, Path(id): Path<String>) -> Response {
    let mut inner = lock(&shared);
    inner.calls += 1;
    let Inner { services, lines, .. } = &mut *inner;
    match services.get_mut(&id) {
        Some(service) => Json(service.polled(lines)).into_response(),
        None => (StatusCode::NOT_FOUND, Json(json!({"code": "notFound", "reason": "no such service"}))).into_response(),
    }
}

async fn subscribe(State(shared): Shared, Json(body): Json<Value>) -> Response {
    let Some(callback) = body["callback"].as_str() else { return StatusCode::BAD_REQUEST.into_response() };
    lock(&shared).hubs.push(callback.to_owned());
    (StatusCode::CREATED, Json(json!({"id": "hub", "callback": callback}))).into_response()
}
