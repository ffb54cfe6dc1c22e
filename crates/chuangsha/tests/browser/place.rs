//! A small province to click through: one outlet, one audit centre, the authority and the network played by simulators, on a free port.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, OnceLock},
    time::Instant,
};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use chuangsha_app::{
    App, AppConfig, CaptureConfig, MIGRATIONS, Parts,
    channels::{self, channel},
    platform::{
        actor::Actor,
        edge::EdgeConfig,
        images::Objects,
        network::{Tmf640, Tmf640Settings, http_client},
        notify::Console,
        people::{
            Credentials, Origin, People, PeopleConfig,
            organisation::{self, NewOrganisation},
            password::{self, Password},
            staff::NewStaff,
            totp,
        },
        verify::{HttpVerifier, HttpVerifierSettings},
    },
    registration::{
        order::Product,
        table::{self, NumberState, PoolNumber},
    },
    routes, rulebook, screening, start,
};
use chuangsha_kernel::{
    id::{Ids, OrganisationId, StaffId},
    role::{Matrix, OrganisationKind, Role, RoleSet},
    rulebook::ChannelKind,
    time::{Clock, DAY_MS, SystemClock},
};
use chuangsha_store::{Config, Store};
use chuangsha_vault::{Field, LocalAgent, Suite, Vault};
use chuangsha_world::{
    network::NetworkElement,
    reader::ReaderBridge,
    verification::{self, VerificationAuthority},
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::weather::Weather;

/// Everybody's password here.
pub const PASSWORD: &str = "a demo password";
const READER_TOKEN: &str = "a reader token";

/// Route and milliseconds of every request.
pub type Spent = Arc<Mutex<Vec<(String, f64)>>>;

/// The running province.
pub struct Place {
    pub url: String,
    pub app: App,
    _authority: VerificationAuthority,
    pub network: NetworkElement,
    pub reader: ReaderBridge,
    pub weather: Weather,
    router: axum::Router,
    serving: (CancellationToken, tokio::task::JoinHandle<()>),
    /// Milliseconds the server spent on each page and step, by its route.
    pub spent: Spent,
    stop: CancellationToken,
    _jobs: JoinSet<()>,
    _folder: tempfile::TempDir,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.serving.0.cancel();
        self.stop.cancel();
    }
}

impl Place {
    pub async fn open() -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let folder = tempfile::tempdir().unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://localhost:{}", listener.local_addr().unwrap().port());
        let store = Store::open(&Config { url: format!("sqlite:{}", folder.path().join("record.db").display()), ..Config::default() })
            .await
            .unwrap();
        store.migrate(MIGRATIONS).await.unwrap();
        let authority = VerificationAuthority::start(1).await.unwrap();
        authority.always(Some(verification::Behaviour::Match));
        let network = NetworkElement::start().await.unwrap();
        let reader = ReaderBridge::start_at(READER_TOKEN, Some(&url), 0).await.unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let ids = Arc::new(Ids::seeded(3));
        let people = PeopleConfig { host: "localhost".to_owned(), origin: url.clone(), demo: true };
        let rules = Arc::new(rulebook::embedded(true).unwrap());
        let config = AppConfig {
            capture: CaptureConfig { reader_bridge: reader.url(), reader_token: READER_TOKEN.to_owned() },
            ..AppConfig::default()
        };
        let app = App::new(Parts {
            engine: screening::engine(&rules, clock.now(), &config.screening, 3).unwrap(),
            watch: Arc::new(screening::Watch::new(&config.screening)),
            tokens: None,
            vault: Vault::new(Arc::new(LocalAgent::ephemeral(7, Suite::International).unwrap()), "demo", Suite::International),
            rules,
            matrix: Arc::new(Matrix::embedded().unwrap()),
            people: People::new(people, &ids).unwrap(),
            objects: Objects::in_memory(),
            mark_font: None,
            verifier: Arc::new(HttpVerifier::new(
                http_client().unwrap(),
                HttpVerifierSettings { url: authority.url(), ..HttpVerifierSettings::default() },
                Arc::clone(&clock),
                Arc::clone(&ids),
            )),
            network: Arc::new(Tmf640::new(http_client().unwrap(), Tmf640Settings { url: network.url(), ..Tmf640Settings::default() })),
            sms: Arc::new(Console),
            config,
            audit_key: OnceLock::new(),
            integrator: tokio::sync::Mutex::default(),
            bell: Arc::default(),
            store,
            clock,
            ids,
        });
        found(&app).await;
        app.poll_epochs().await.unwrap();
        let stop = CancellationToken::new();
        let jobs = start::spawn(&app, "browser", &stop).unwrap();
        let weather = Weather::default();
        let spent = Spent::default();
        let measuring = axum::middleware::from_fn_with_state(Arc::clone(&spent), measured);
        let router = weather.over(routes::router(&app, &EdgeConfig::default()).layer(measuring));
        let serving = serve(listener, router.clone());
        Self { url, app, _authority: authority, network, reader, weather, spent, router, serving, stop, _jobs: jobs, _folder: folder }
    }

    /// Nobody answers any more, as when the network is gone.
    pub async fn go_dark(&mut self) {
        self.serving.0.cancel();
        let _ = tokio::time::timeout(std::time::Duration::from_secs(3), &mut self.serving.1).await;
        self.serving.1.abort();
    }

    /// The server answers again, where it did before.
    pub async fn come_back(&mut self) {
        let port = self.url.rsplit_once(':').unwrap().1;
        let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await.unwrap();
        self.serving = serve(listener, self.router.clone());
    }

    /// A member of staff as the application knows them once they are signed in with everything their role needs.
    pub async fn actor_of(&self, number: &str) -> Actor {
        let code = self.code(number);
        let credentials = Credentials { number: number.to_owned(), password: PASSWORD.to_owned(), code: Some(code) };
        let origin = Origin { address: "127.0.0.1".to_owned(), device: None };
        self.app.sign_in(credentials, origin).await.unwrap().actor
    }

    /// The port it listens on.
    pub fn port(&self) -> &str {
        self.url.rsplit_once(':').unwrap().1
    }

    /// The code a member of staff's generator shows now.
    pub fn code(&self, number: &str) -> String {
        totp::code(&totp::demo_secret(number), self.app.clock.now()).unwrap()
    }
}

fn serve(listener: tokio::net::TcpListener, router: axum::Router) -> (CancellationToken, tokio::task::JoinHandle<()>) {
    let stop = CancellationToken::new();
    let ended = stop.clone();
    let task = tokio::spawn(async move {
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        axum::serve(listener, service).with_graceful_shutdown(async move { ended.cancelled().await }).await.unwrap();
    });
    (stop, task)
}

/// How long the server took for a request, ids left out of the route.
async fn measured(State(spent): State<Spent>, request: Request, next: Next) -> Response {
    let parts = request.uri().path().split('/').map(|part| if part.parse::<uuid::Uuid>().is_ok() { "{id}" } else { part });
    let route = format!("{} {}", request.method(), parts.collect::<Vec<_>>().join("/"));
    let started = Instant::now();
    let response = next.run(request).await;
    spent.lock().unwrap().push((route, started.elapsed().as_secs_f64() * 1e3));
    response
}

/// The number of the `twin`th person of one kind.
pub fn twin_of(number: &str, twin: usize) -> String {
    if twin == 0 { number.to_owned() } else { format!("{number}-{twin}") }
}

/// Organisations, staff, one outlet and its numbers.
async fn found(app: &App) {
    let now = app.clock.now();
    let id = || OrganisationId(app.ids.next(now));
    let (hq, province, city, outlet, centre, calls) = (id(), id(), id(), id(), id(), id());
    let organisations = [
        (hq, OrganisationKind::CarrierHq, None, "", "演示通信集团", "Demo Telecom"),
        (province, OrganisationKind::Province, Some(hq), "99", "演示省公司", "Demo Province Company"),
        (city, OrganisationKind::City, Some(province), "990100", "演示一市公司", "Demo City One Company"),
        (outlet, OrganisationKind::Channel, Some(city), "990100", "演示一市第一网点", "Demo City One, first outlet"),
        (centre, OrganisationKind::AuditCentre, Some(hq), "99", "集中审核中心", "Central audit centre"),
        (calls, OrganisationKind::CallCentre, Some(province), "99", "演示省客服中心", "Demo call centre"),
    ];
    let staff = [
        ("2207", "王营业", outlet, Role::Clerk),
        ("1187", "李审核", centre, Role::Auditor),
        ("1190", "赵高审", centre, Role::SeniorAuditor),
        ("1024", "张敏", province, Role::ProvinceManager),
        ("3001", "周运维", province, Role::NetworkOperator),
        ("3002", "钱内审", hq, Role::InternalAuditor),
        ("3003", "孙系统", province, Role::SystemAdministrator),
        ("3004", "吴客服", calls, Role::HotlineAgent),
        ("3005", "郑保护", province, Role::PrivacyOfficer),
        ("3006", "吴保护", hq, Role::PrivacyOfficer),
    ];
    let hash = password::hash_now(&Password::chosen(PASSWORD, "x").unwrap(), &app.ids).unwrap();
    let seeding = app.clone();
    app.store
        .write(move |tx| {
            let app = &seeding;
            for (id, kind, parent, region, zh, en) in organisations {
                organisation::create(tx, &NewOrganisation { id, kind, parent, region, zh, en }, now)?;
            }
            // A one-time code serves once in thirty seconds: whoever signs in more often is several people.
            let several =
                (0..5).flat_map(|twin| staff.map(|(number, name, organisation, role)| (twin_of(number, twin), name, organisation, role)));
            for (number, name, organisation, role) in several {
                let number = number.as_str();
                let id = StaffId(app.ids.next(now));
                let trained_until = Some(now.plus_ms(300 * DAY_MS));
                let roles = RoleSet::of(&[role]);
                app.join(tx, &NewStaff { id, number, name, organisation, roles, password: &hash, must_change: false, trained_until }, now)?;
                app.set_totp(tx, id, &totp::demo_secret(number), 0)?;
            }
            channels::insert(
                tx,
                &channel::Channel {
                    organisation: outlet,
                    code: "S-2231".to_owned(),
                    kind: ChannelKind::OwnHall,
                    region: "990100".to_owned(),
                    state: channel::State::Active,
                    version: 1,
                    clauses: channel::Clause::COMPLETE,
                    reader: true,
                    app: true,
                    warnings: 0,
                    updated_at: now,
                },
            )?;
            for line in 0..260_u32 {
                let digits = format!("1990000{line:04}");
                let id = app.ids.next(now);
                let number = PoolNumber {
                    id,
                    index: app.vault.blind(Field::Phone, &format!("86{digits}"))?.0.to_vec(),
                    sealed: app.seal_pool_number(tx, id, &digits)?,
                    region: "990100".to_owned(),
                    product: Product::Voice,
                    state: NumberState::Free as i64,
                    holder: None,
                };
                table::add_number(tx, &number)?;
            }
            Ok::<_, chuangsha_app::platform::failure::Failure>(())
        })
        .await
        .unwrap();
}
