// long: one row a page, and what stands on each
//! Every page there is, held to the same rules: clean for axe in both themes and in large text, nothing cut off at three widths, every control
//! reached and seen with the keyboard alone, dialogs that keep and give back the focus, nothing that moves by itself. Two browsers, one a
//! language; each page is loaded once and looked at from all sides.
//!
//! A new page is one line of [`PAGES`]; a route that is in neither list fails the test.

use std::{collections::BTreeSet, path::Path};

use chuangsha_app::{
    channels,
    figures::bulletin,
    hotline,
    platform::{
        actor::Actor,
        jobs,
        people::{Credentials, Origin, extract::SESSION_COOKIE},
        purpose::{Purpose as WhatFor, Reason},
        second,
    },
    registration::{
        audit_desk, desk,
        order::{Customer, ImageKind, Mode, Product},
        table,
    },
    remediation::{self, excess, import},
    resources::{
        self, Application, Asked, Clause, Direction, Document, Industry, Kind, Paper, Purpose,
        sweep::{self, Plan},
    },
    screening::{
        appeal,
        list::{self, List, NewEntry, Put},
        log, snapshot,
    },
    subscribers::find::{self, Search},
    suspension::{self, Ground, Level, desk::Intake},
};
use chuangsha_kernel::{OrganisationCode, id::OrderId, problem::Language, time::DAY_MS};
use chuangsha_screen::{Action, Attempt, Ingress, TrunkId};
use chuangsha_world::{kit, pictures};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    kit::{Browser, Setup, pause, target},
    place::{PASSWORD, Place},
};

/// Who opens a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    /// Nobody is signed in.
    Nobody,
    /// The password was given, the second factor was not.
    Half,
    /// A member of staff.
    Staff(&'static str),
}

const CLERK: Who = Who::Staff("2207");
const AUDITOR: Who = Who::Staff("1187");
const MANAGER: Who = Who::Staff("1024");
const OPERATOR: Who = Who::Staff("3001");
const INSPECTOR: Who = Who::Staff("3002");
const HOTLINE: Who = Who::Staff("3004");
const OFFICER: Who = Who::Staff("3006");

/// One page: its route, the address that opens it with something on it, and who opens it.
type Page = (&'static str, &'static str, Who);

/// Every page. `{draft}`, `{order}` and the like stand for what [`Things`] holds.
const PAGES: &[Page] = &[
    ("/login", "/login", Who::Nobody),
    ("/login/second", "/login/second", Who::Half),
    ("/login/again", "/login/again", CLERK),
    ("/login/enrol", "/login/enrol", CLERK),
    ("", "/no/such/page", CLERK),
    ("/", "/?done=saved", CLERK),
    ("/capture", "/capture", CLERK),
    ("/capture/existing", "/capture/existing", CLERK),
    ("/capture/{id}/document", "/capture/{draft}/document", CLERK),
    ("/capture/{id}/portrait", "/capture/{draft}/portrait", CLERK),
    ("/capture/{id}/signature", "/capture/{draft}/signature", CLERK),
    ("/capture/{id}/submission", "/capture/{draft}/submission", CLERK),
    ("/orders", "/orders", CLERK),
    ("/orders/{id}", "/orders/{order}", CLERK),
    ("/orders/{id}", "/orders/{done}?tab=documents", CLERK),
    ("/orders/{id}", "/orders/{done}?tab=timeline", CLERK),
    ("/me", "/me", CLERK),
    ("/me/password", "/me/password", CLERK),
    ("/me/factors", "/me/factors", CLERK),
    ("/_parts", "/_parts", CLERK),
    ("/audit", "/audit?queue=all", AUDITOR),
    ("/audit", "/audit", AUDITOR),
    ("/orders/{id}", "/orders/{done}?tab=access", AUDITOR),
    ("/overview", "/overview", MANAGER),
    ("/channels", "/channels", MANAGER),
    ("/channels/{id}", "/channels/{channel}", MANAGER),
    ("/visits", "/visits", MANAGER),
    ("/visits/new", "/visits/new", MANAGER),
    ("/visits/{id}", "/visits/{visit}", MANAGER),
    ("/people", "/people", MANAGER),
    ("/people/{id}", "/people/{person}", MANAGER),
    ("/api", "/api", MANAGER),
    ("/suspensions", "/suspensions", MANAGER),
    ("/suspensions/new", "/suspensions/new", MANAGER),
    ("/suspensions/{id}", "/suspensions/{hold}", MANAGER),
    ("/excess", "/excess", MANAGER),
    ("/imports", "/imports", MANAGER),
    ("/imports/new", "/imports/new", MANAGER),
    ("/imports/{id}", "/imports/{import}", MANAGER),
    ("/excess/{id}", "/excess/{excess}", MANAGER),
    ("/ledger", "/ledger", MANAGER),
    ("/ledger/new", "/ledger/new", MANAGER),
    ("/ledger/file", "/ledger/file", MANAGER),
    ("/ledger/{id}", "/ledger/{trunk}", MANAGER),
    ("/ledger/sweeps", "/ledger/sweeps", MANAGER),
    ("/ledger/sweeps/new", "/ledger/sweeps/new", MANAGER),
    ("/ledger/sweeps/{id}", "/ledger/sweeps/{sweep}", MANAGER),
    ("/ledger/sweeps/{id}/{resource}", "/ledger/sweeps/{sweep}/{trunk}", MANAGER),
    ("/ledger/checks", "/ledger/checks?sweep={sweep}", MANAGER),
    ("/screening", "/screening", OPERATOR),
    ("/screening/verdicts", "/screening/verdicts", OPERATOR),
    ("/screening/verdicts/{evidence}", "/screening/verdicts/{evidence}", HOTLINE),
    ("/screening/appeals", "/screening/appeals", OPERATOR),
    ("/screening/appeals/new", "/screening/appeals/new", HOTLINE),
    ("/screening/appeals/{id}", "/screening/appeals/{lifting}", OPERATOR),
    ("/screening/rules", "/screening/rules", OPERATOR),
    ("/screening/rules/{rule}", "/screening/rules/behaviour", OPERATOR),
    ("/screening/lists", "/screening/lists", OPERATOR),
    ("/screening/lists/new", "/screening/lists/new", OPERATOR),
    ("/screening/lists/file", "/screening/lists/file", OPERATOR),
    ("/screening/lists/{id}", "/screening/lists/{entry}", OPERATOR),
    ("/screening/versions", "/screening/versions", OPERATOR),
    ("/screening/versions/new", "/screening/versions/new", OPERATOR),
    ("/screening/versions/{version}", "/screening/versions/1", OPERATOR),
    ("/screening/figures", "/screening/figures", OPERATOR),
    ("/remediation", "/remediation", MANAGER),
    ("/remediation/new", "/remediation/new", MANAGER),
    ("/remediation/{id}", "/remediation/{campaign}", MANAGER),
    ("/remediation/cases", "/remediation/cases", MANAGER),
    ("/remediation/cases/{id}", "/remediation/cases/{case}", MANAGER),
    ("/remediation/cases/search", "/remediation/cases/search", MANAGER),
    ("/remediation/protected", "/remediation/protected", MANAGER),
    ("/remediation/protected/new", "/remediation/protected/new", MANAGER),
    ("/remediation/protected/file", "/remediation/protected/file", MANAGER),
    ("/remediation/{id}/field", "/remediation/{campaign}/field", MANAGER),
    ("/exports/new", "/exports/new?list=%2Forders", MANAGER),
    ("/jobs", "/jobs", MANAGER),
    ("/jobs/{id}", "/jobs/{job}", MANAGER),
    ("/second", "/second", MANAGER),
    ("/second/{id}", "/second/{request}", MANAGER),
    ("/network", "/network", OPERATOR),
    ("/log", "/log", INSPECTOR),
    ("/persons", "/persons", OFFICER),
    ("/persons/{id}", "/persons/{subscriber}", OFFICER),
    ("/people/new", "/people/new", MANAGER),
    ("/tickets", "/tickets", OFFICER),
    ("/tickets/new", "/tickets/new", OFFICER),
    ("/tickets/{id}", "/tickets/{ticket}", OFFICER),
    ("/appeals", "/appeals", OFFICER),
    ("/appeals/{id}", "/appeals/{grievance}", OFFICER),
    ("/refunds", "/refunds", OFFICER),
    ("/refunds/{id}", "/refunds/{refund}", OFFICER),
    ("/warnings", "/warnings", OFFICER),
    ("/warnings/{id}", "/warnings/{warning}", OFFICER),
    ("/bulletins", "/bulletins", MANAGER),
    ("/bulletins/{id}", "/bulletins/{bulletin}", MANAGER),
    ("/bulletins/{id}/print", "/bulletins/{bulletin}/print", MANAGER),
    ("/bulletins/compare", "/bulletins/compare", MANAGER),
];

/// Routes that answer to GET and are no page, and why.
const NOT_PAGES: &[(&str, &str)] = &[
    ("/static/{name}", "a file"),
    ("/language/{language}", "a switch that comes back"),
    ("/text/{size}", "a switch that comes back"),
    ("/theme/{theme}", "a switch that comes back"),
    ("/api/openapi.json", "for programs"),
    ("/orders/{id}/images/{kind}", "a picture"),
    ("/capture/{id}", "leads to the step an order is at"),
    ("/orders/{id}/reveal", "leads back to the order"),
    ("/orders/{id}/second", "leads back to the order"),
    ("/orders/{id}/images/second", "leads back to the order"),
    ("/suspensions/{id}/interruption", "leads back to the hold"),
    ("/remediation/cases/{id}/steps", "leads back to the case"),
    ("/imports/{id}/rejects", "a file"),
    ("/persons/{id}/reveal", "leads back to the person"),
    ("/persons/{id}/second", "leads back to the person"),
    ("/tickets/{id}/reveal", "leads back to the ticket"),
    ("/tickets/{id}/second", "leads back to the ticket"),
    ("/bulletins/{id}/xlsx", "a file"),
    ("/persons/{id}/protection", "leads back to the person"),
    ("/app", "leads to the capture app"),
    ("HOME", "the capture app: its own tests look at its screens"),
    ("/app/worker.js", "for the capture app"),
    ("/app/{file}", "for the capture app"),
    ("/screening/stream", "events for the live page"),
    ("/screening/verdicts/{evidence}/reveal", "leads back to the verdict"),
    ("/screening/verdicts/{evidence}/second", "leads back to the verdict"),
    ("/screening/verdicts/{evidence}/lift", "leads back to the verdict"),
    ("/screening/verdicts/{evidence}/do-not-call", "leads back to the verdict"),
    ("/second/{id}/approval", "leads back to the request"),
    ("/second/{id}/refusal", "leads back to the request"),
];

/// What the addresses name.
struct Things {
    draft: OrderId,
    order: OrderId,
    done: OrderId,
    channel: Uuid,
    visit: Uuid,
    person: Uuid,
    trunk: Uuid,
    sweep: Uuid,
    evidence: String,
    entry: Uuid,
    lifting: Uuid,
    campaign: Uuid,
    case: Uuid,
    job: Uuid,
    request: Uuid,
    subscriber: Uuid,
    ticket: Uuid,
    grievance: Uuid,
    refund: Uuid,
    warning: Uuid,
    bulletin: Uuid,
    hold: Uuid,
    import: Uuid,
    excess: Uuid,
}

impl Things {
    fn fill(&self, path: &str) -> String {
        let named = [
            ("{draft}", self.draft.0),
            ("{order}", self.order.0),
            ("{done}", self.done.0),
            ("{channel}", self.channel),
            ("{visit}", self.visit),
            ("{person}", self.person),
            ("{trunk}", self.trunk),
            ("{sweep}", self.sweep),
            ("{entry}", self.entry),
            ("{lifting}", self.lifting),
            ("{campaign}", self.campaign),
            ("{case}", self.case),
            ("{job}", self.job),
            ("{request}", self.request),
            ("{subscriber}", self.subscriber),
            ("{ticket}", self.ticket),
            ("{grievance}", self.grievance),
            ("{refund}", self.refund),
            ("{warning}", self.warning),
            ("{bulletin}", self.bulletin),
            ("{hold}", self.hold),
            ("{import}", self.import),
            ("{excess}", self.excess),
        ];
        let path = path.replace("{evidence}", &self.evidence);
        let path = named.iter().fold(path.to_owned(), |path, (name, id)| path.replace(name, &id.to_string()));
        assert!(!path.contains('{'), "{path}: what stands there?");
        path
    }
}

/// Signs somebody in without the pages; gives who they are and the token of their session.
async fn arrive(place: &Place, number: &str, whole: bool) -> (Actor, String) {
    let code = whole.then(|| place.code(number));
    let credentials = Credentials { number: number.to_owned(), password: PASSWORD.to_owned(), code };
    let opened = place.app.sign_in(credentials, Origin { address: "127.0.0.*".to_owned(), device: None }).await.unwrap();
    (opened.actor, opened.token.as_str().to_owned())
}

pub(crate) async fn drafted(place: &Place, clerk: &Actor, person: u16) -> OrderId {
    let number = desk::offers(&place.app, clerk, Product::Voice, Uuid::nil(), 1).await.unwrap()[0].id;
    let input = desk::NewOrder { number, mode: Mode::Counter, product: Product::Voice, customer: Customer::Individual };
    let id = desk::open(&place.app, clerk, input).await.unwrap();
    desk::reserve(&place.app, clerk, id, kit::reservation(1, person)).await.unwrap();
    let card = pictures::Card { name: "TEST", number: "990101", address: "DEMO", valid: "2020-01-01 - 2040-01-01", seed: 1 };
    for (kind, bytes) in [
        (ImageKind::DocumentFront, pictures::document_front(&card, None)),
        (ImageKind::DocumentBack, pictures::document_back(&card, None)),
        (ImageKind::LivePhoto, pictures::live_photo(1)),
        (ImageKind::Signature, pictures::signature(1)),
    ] {
        desk::add_image(&place.app, clerk, id, kind, bytes).await.unwrap();
    }
    id
}

async fn submitted(place: &Place, clerk: &Actor, person: u16) -> OrderId {
    let id = drafted(place, clerk, person).await;
    let capture = desk::Capture { version: 2, original_seen: true, warning_read: true, face_declined: false, agreement_clause: false };
    let order = desk::capture(&place.app, clerk, id, capture).await.unwrap();
    desk::submit(&place.app, clerk, id, order.version).await.unwrap();
    id
}

/// Something on every page: a draft, one order approved, one held by the auditor, two that wait.
async fn things(place: &Place, actor: impl Fn(Who) -> Actor) -> Things {
    let [clerk, auditor, manager, officer] = [CLERK, AUDITOR, MANAGER, OFFICER].map(&actor);
    let (clerk, auditor, manager, officer) = (&clerk, &auditor, &manager, &officer);
    let (evidence, entry, lifting) = screened(place, &actor(OPERATOR), &actor(HOTLINE)).await;
    let draft = drafted(place, clerk, 1).await;
    let mut orders = Vec::new();
    for person in 2..9 {
        orders.push(submitted(place, clerk, person).await);
    }
    let mut claimed = Vec::new();
    for _ in 0..200 {
        // The authority answers in its own time.
        match audit_desk::claim_next(&place.app, auditor, table::Filter::default()).await {
            Ok(order) if claimed.is_empty() => {
                audit_desk::approve(&place.app, auditor, order.id, order.version).await.unwrap();
                claimed.push(order.id);
            }
            Ok(order) => {
                claimed.push(order.id);
                break;
            }
            Err(_) => pause(50).await,
        }
    }
    assert_eq!(claimed.len(), 2, "orders reach the queue");
    let trunk = trunk(place, manager).await;
    let (campaign, case) = campaign(place, manager).await;
    let order = *orders.iter().find(|order| !claimed.contains(order)).unwrap();
    let (tickets, grievance, refund, warning, bulletin) = hotline_things(place, officer).await;
    let (import_run, excess_case) = brought_over(place, manager).await;
    Things {
        draft,
        order,
        done: claimed[0],
        channel: clerk.organisation.0,
        visit: visit(place, manager, clerk).await,
        person: clerk.staff.0,
        trunk,
        sweep: sweep(place, manager).await,
        evidence,
        entry,
        lifting,
        campaign,
        case,
        job: job(place, manager).await,
        request: request(place, manager).await,
        subscriber: subscriber(place, officer).await,
        ticket: tickets[0],
        grievance,
        refund,
        warning,
        bulletin,
        hold: hold(place, manager, claimed[0].0).await,
        import: import_run,
        excess: excess_case,
    }
}

/// A visit to the clerk's outlet, planned for today.
async fn visit(place: &Place, manager: &Actor, clerk: &Actor) -> Uuid {
    let (app, outlet, today) = (&place.app, clerk.organisation, place.app.clock.now().day().to_string());
    let code = app.read(move |tx| channels::of_organisation(tx, outlet)).await.unwrap().unwrap().code;
    let plan = channels::plan::NewPlan {
        outlets: vec![code],
        kind: "visit".to_owned(),
        staff: vec!["1024".to_owned()],
        from: today.clone(),
        until: today,
        each: 1,
        ..channels::plan::NewPlan::default()
    };
    channels::plan::plan(app, manager, plan).await.unwrap();
    let filter = channels::plan::Filter { limit: 1, ..channels::plan::Filter::default() };
    channels::plan::list(app, manager, filter).await.unwrap()[0].plan.id
}

/// Six numbers of one person, brought over from a file: the import, and the case of too many numbers it makes.
async fn brought_over(place: &Place, manager: &Actor) -> (Uuid, Uuid) {
    let app = &place.app;
    let heading = "手机号码,机主姓名,证件类型,证件号码,地址,是否实名,使用人,单位名称,统一社会信用代码,地市,渠道类型,入网日期";
    let holder = kit::resident_id(99);
    let row = |number: u32| format!("1990{number:07},王小明,身份证,{holder},演示省演示一市一号,是,,,,990100,社会渠道,2013-09-01");
    let rows: Vec<String> = (90_001..=90_006).map(row).collect();
    let bytes = format!("{heading}\n{}\n", rows.join("\n")).into();
    let sent = import::desk::Sent { name: "base.csv".to_owned(), bytes, mapping: String::new() };
    let id = import::desk::send(app, manager, &sent).await.unwrap();
    for _ in 0..400 {
        if import::desk::find(app, manager, id).await.unwrap().state.as_str() == "done" {
            break;
        }
        pause(50).await;
    }
    excess::find(app).await.unwrap();
    let filter = excess::table::Filter { limit: 10, ..excess::table::Filter::default() };
    let (cases, _) = excess::list(app, manager, filter, false).await.unwrap();
    (id, cases.first().expect("six are too many").id)
}

/// Three complaints, which are a warning; an appeal and a refund of the first; yesterday's bulletin.
async fn hotline_things(place: &Place, officer: &Actor) -> (Vec<Uuid>, Uuid, Uuid, Uuid, Uuid) {
    let app = &place.app;
    let mut tickets = Vec::new();
    for _ in 0..3 {
        let intake = hotline::Intake {
            subscription: None,
            kind: hotline::Kind::Complaint,
            topic: hotline::Topic::Suspension,
            region: kit::CITY.to_owned(),
            place: "S-2231".to_owned(),
            words: "没有收到短信就被停机".to_owned(),
        };
        tickets.push(hotline::open(app, officer, intake).await.unwrap().id);
    }
    let day = app.clock.now().day().to_string();
    let about = hotline::appeal::About::Other;
    let new = hotline::appeal::NewAppeal { ticket: tickets[0], about, happened_on: day, reference: "A-1".to_owned(), words: String::new() };
    let appeal = hotline::appeal::receive(app, officer, new).await.unwrap().id;
    let refund = hotline::refund::compute(app, officer, tickets[0], "12.50".to_owned(), String::new()).await.unwrap().id;
    hotline::turn(app).await.unwrap();
    bulletin::turn(app).await.unwrap();
    let all = hotline::warning::Filter { limit: 1, ..Default::default() };
    let warning = app.read(move |tx| hotline::warning::list(tx, &all)).await.unwrap()[0].id;
    let published = bulletin::list(app, officer, bulletin::Filter { limit: 1, ..Default::default() }).await.unwrap()[0].id;
    (tickets, appeal, refund, warning, published)
}

/// The first customer, as soon as the number is theirs.
async fn subscriber(place: &Place, officer: &Actor) -> Uuid {
    for _ in 0..200 {
        let search = Search { by: "resident_id".to_owned(), value: kit::resident_id(2).into(), on: String::new() };
        if let Ok(id) = find::search(&place.app, officer, search).await {
            return id;
        }
        pause(50).await;
    }
    panic!("the customer is not found");
}

/// A hold on the first customer's number, as soon as it is in service.
async fn hold(place: &Place, manager: &Actor, subscription: Uuid) -> Uuid {
    let asked = Intake {
        number: None,
        subscription: Some(subscription),
        ground: Ground::Risk,
        level: Some(Level::Limited),
        tier: None,
        reason: String::new(),
        reference: String::new(),
        due_on: None,
        until: None,
    };
    for _ in 0..200 {
        if let Ok(id) = suspension::desk::take(&place.app, manager, asked.clone()).await {
            return id;
        }
        pause(50).await;
    }
    panic!("the number is not in service");
}

/// A trunk somebody asked for.
async fn trunk(place: &Place, manager: &Actor) -> Uuid {
    let asked = Application {
        code: "T-07".to_owned(),
        kind: Kind::VoiceTrunk,
        region: kit::CITY.to_owned(),
        subject_code: OrganisationCode::compose('9', '1', kit::CITY, "MA000001").unwrap(),
        subject_name: "演示呼叫中心".to_owned(),
        industry: Industry::CallCentre,
        papers: Document::ALL
            .iter()
            .map(|document| Paper { document: *document, reference: "X-1".to_owned(), valid_until: None, in_scope: true })
            .collect(),
        access_point: "演示机楼".to_owned(),
        purpose: Purpose::CustomerService,
        direction: Direction::Both,
        callers: vec!["95599*".to_owned()],
        unit: "政企部".to_owned(),
        owner: "1024".to_owned(),
    };
    let mut line = resources::apply(&place.app, manager, asked).await.unwrap();
    let open = Asked::Open { clauses: Clause::ALL.to_vec(), calls_per_callee: 2, calls_per_day: 1_000 };
    for step in [Asked::Vet, open] {
        line = resources::step(&place.app, manager, line.id, line.version, step, String::new()).await.unwrap();
    }
    line.id
}

/// A call that was blocked, the entry that blocked it, and an appeal against that.
async fn screened(place: &Place, operator: &Actor, hotline: &Actor) -> (String, Uuid, Uuid) {
    let app = &place.app;
    let entry = NewEntry {
        number: "19900001111".to_owned(),
        source: "12321".to_owned(),
        reason: "多人举报".to_owned(),
        article: "R-SCR-3".to_owned(),
        ..NewEntry::default()
    };
    let Put::Entered(listed) = list::add(app, operator, List::Bad, &entry).await.unwrap() else { panic!("a new entry") };
    snapshot::make(app, operator, "首个版本".to_owned(), true).await.unwrap();
    let attempt = Attempt::new(1, app.clock.now(), TrunkId(9), Ingress::Retail, Some("19900001111"), "19900002222");
    let verdict = app.engine.decide(&attempt);
    assert_eq!(verdict.action, Action::Block);
    app.observer().decided(&attempt, &verdict);
    let evidence = verdict.evidence.to_string();
    for _ in 0..200 {
        if log::find(app, operator, &evidence).await.is_ok() {
            break;
        }
        pause(50).await;
    }
    let intake = appeal::Intake { evidence: evidence.clone(), words: "不是骚扰电话".to_owned(), ..appeal::Intake::default() };
    let appeal = appeal::take(app, hotline, intake).await.unwrap();
    (evidence, listed, appeal)
}

/// A sweep that has the trunk on its list.
async fn sweep(place: &Place, manager: &Actor) -> Uuid {
    let today = place.app.clock.now().day();
    let plan = Plan {
        name: "重点行业清查".to_owned(),
        region: kit::CITY.to_owned(),
        industries: Vec::new(),
        kinds: Vec::new(),
        starts: today,
        ends: today,
        lead: "1024".to_owned(),
    };
    sweep::plan(&place.app, manager, plan).await.unwrap().id
}

/// A campaign that has taken one line in, and its case.
async fn campaign(place: &Place, manager: &Actor) -> (Uuid, Uuid) {
    let now = place.app.clock.now();
    let line = place.app.ids.next(now);
    let finding = remediation::kind::Finding {
        subscription: line,
        kind: remediation::kind::Kind::Unverified,
        reason: "test".to_owned(),
        found_at: now,
        closed_at: None,
        region: kit::CITY.to_owned(),
        channel_kind: 2,
        batch: None,
    };
    place.app.write(move |tx| remediation::kind::open(tx, &finding).map(drop)).await.unwrap();
    let day = |after: i64| now.plus_ms(after * DAY_MS).day().to_string();
    let input = remediation::desk::NewCampaign {
        name: "2026Q4 存量".to_owned(),
        region: kit::CITY.to_owned(),
        kinds: Vec::new(),
        channels: Vec::new(),
        numbers: Vec::new(),
        from: day(0),
        until: day(300),
        stops_per_day: 0,
        auto_pause: true,
        // Reminding begins tomorrow: nothing moves while the pages are looked at.
        stages: remediation::desk::stages([1, 30, 45, 110].map(day).each_ref().map(String::as_str), &day(300)),
        targets: Vec::new(),
    };
    let id = remediation::desk::create(&place.app, manager, input).await.unwrap();
    remediation::desk::turn(&place.app, manager, id, 1, remediation::campaign::Step::Start, String::new()).await.unwrap();
    let foretold = remediation::desk::simulate(&place.app, manager, id, 10).await.unwrap();
    remediation::desk::release(&place.app, manager, id, 10, foretold.touches).await.unwrap();
    for _ in 0..200 {
        // The running clock may take the wave in before this does.
        remediation::clock::take_in(&place.app).await.unwrap();
        if let Some(case) = place.app.read(move |tx| remediation::table::open_of(tx, line)).await.unwrap() {
            return (id, case.id);
        }
        pause(50).await;
    }
    panic!("the wave takes nothing in");
}

/// A file asked for that nobody makes before tomorrow.
async fn job(place: &Place, manager: &Actor) -> Uuid {
    let (app, actor, now) = (place.app.clone(), manager.clone(), place.app.clock.now());
    place
        .app
        .write(move |tx| {
            let id = app.ids.next(now);
            let asked = jobs::Asked {
                address: "/orders".to_owned(),
                purpose: "inspection".to_owned(),
                words: "演示抽查".to_owned(),
                ..jobs::Asked::default()
            };
            let job = jobs::Job {
                id,
                kind: jobs::Kind::Export,
                list: "/orders".to_owned(),
                act: "xlsx".to_owned(),
                behalf: app.behalf(tx, &actor)?,
                language: Language::Chinese,
                asked,
                state: jobs::State::Waiting,
                due: now.plus_ms(DAY_MS),
                cursor: String::new(),
                gathered: false,
                total: 12_586,
                done: 0,
                failed: 0,
                progress: String::new(),
                error: String::new(),
                created: now,
                started: None,
                ended: None,
                version: 0,
            };
            jobs::table::insert(&app, tx, &job)?;
            Ok(id)
        })
        .await
        .unwrap()
}

/// A request for a second person.
async fn request(place: &Place, manager: &Actor) -> Uuid {
    let ask = second::Ask {
        kind: second::Kind::RevealField,
        cause: second::Cause::Protected,
        reason: Reason { purpose: WhatFor::CustomerCall, case: "T-20931".to_owned(), words: "客户来电核对".to_owned() },
        what: second::What {
            key: "holder.document_number".to_owned(),
            field: "document_number".to_owned(),
            object: "199****0001".to_owned(),
            page: "/orders".to_owned(),
            subject: None,
            region: kit::CITY.to_owned(),
        },
    };
    second::request(&place.app, manager, ask).await.unwrap()
}

/// What was wrong, each with the page it was on.
struct Findings(Vec<String>);

impl Findings {
    fn add(&mut self, page: &str, view: &str, found: &Value) {
        let found = found.as_array().unwrap_or_else(|| panic!("{page}, {view}: {found}"));
        self.0.extend(found.iter().map(|one| format!("{page} [{view}] {}", one.as_str().unwrap_or_default())));
    }

    fn require(&mut self, page: &str, holds: bool, told: &str) {
        if !holds {
            self.0.push(format!("{page} {told}"));
        }
    }
}

/// One page from all sides. Light first, as it came; then each other view of the same document.
async fn look(browser: &Browser, page: &str, wrong: &mut Findings) {
    browser.find("h1").await;
    // Pictures and scripts that run at the end have had their turn.
    pause(120).await;
    wrong.add(page, "load", &browser.run("return checks.shifts()").await);
    wrong.add(page, "live", &browser.run("return checks.silent()").await);
    wrong.require(page, browser.run("return checks.moving()").await == json!(0), "moves though less motion is asked for");
    wrong.add(page, "axe light", &json!(browser.breaches().await));
    browser.media("dark", true).await;
    wrong.add(page, "axe dark", &json!(browser.breaches().await));
    browser.media("light", true).await;
    for large in [false, true] {
        browser.run(&format!("document.documentElement.classList.toggle('large', {large})")).await;
        if large {
            wrong.add(page, "axe large", &json!(browser.breaches().await));
        }
        for width in [1440, 1024, 390] {
            browser.size(width, 900).await;
            let view = format!("{width}{}", if large { " large" } else { "" });
            wrong.add(page, &view, &browser.run("return checks.overflowing()").await);
            wrong.add(page, &view, &browser.run("return checks.overlapping()").await);
        }
        browser.size(1440, 900).await;
    }
    browser.run("document.documentElement.classList.remove('large')").await;
}

const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";
const ESCAPE: &str = "\u{e00c}";

async fn press(browser: &Browser, keys: String) {
    let none = Some(std::time::Duration::ZERO);
    browser.page.action_chain_with_delay(none, none).send_keys(keys).perform().await.unwrap();
}

/// The page with the keyboard alone.
async fn walk(browser: &Browser, page: &str, wrong: &mut Findings) {
    let count = |value: Value| usize::try_from(value.as_u64().unwrap()).unwrap();
    let controls = count(browser.run("return checks.interactive()").await);
    // A date is three fields and a button in one, with a time up to six.
    let dates = count(browser.run("return checks.dates()").await);
    let first = browser.run("return checks.begin()").await;
    wrong.require(page, first == json!("a.skip"), &format!("begins with {first} and not with the way to its content"));
    press(browser, TAB.repeat(controls + dates * 6)).await;
    wrong.add(page, "keyboard", &browser.run("return checks.walked()").await);
    browser.run("checks.begin()").await;
    press(browser, ENTER.to_owned()).await;
    let there = browser.run("return document.activeElement.id === 'content' || location.hash === '#content'").await;
    wrong.require(page, there == json!(true), "skips to nothing");
    for id in browser.run("return checks.openers()").await.as_array().unwrap() {
        let id = id.as_str().unwrap();
        browser.run(&format!("checks.opener('{id}')")).await;
        press(browser, ENTER.to_owned()).await;
        let opened = browser.run(&format!("return checks.opened('{id}')")).await;
        wrong.require(page, opened["open"] == json!(true), &format!("#{id} does not open as a dialog"));
        wrong.require(page, opened["inside"] == json!(true), &format!("#{id} does not take the focus"));
        browser.run("checks.shifts()").await;
        let steps = count(opened["steps"].clone()) + count(opened["dates"].clone()) * 6 + 2;
        press(browser, TAB.repeat(steps)).await;
        wrong.add(page, &format!("#{id} keeps the focus"), &browser.run(&format!("return checks.escaped('{id}').slice(1)")).await);
        press(browser, ESCAPE.to_owned()).await;
        let closed = browser.run(&format!("return checks.closed('{id}')")).await;
        wrong.require(page, closed == json!(true), &format!("#{id} does not close with Escape and give the focus back"));
    }
}

/// Asking a list again exchanges a part of the page: nothing around it moves.
async fn exchange(browser: &Browser, page: &str, wrong: &mut Findings) {
    if !browser.has("form.search[data-hx-get]").await {
        return;
    }
    // The window has just had another size: what that moved is not the exchange's doing.
    pause(150).await;
    browser.run("window.swapped = 0; document.addEventListener('htmx:after:swap', () => window.swapped++); checks.settle(); document.querySelector('form.search[data-hx-get]').requestSubmit()").await;
    for _ in 0..100 {
        if browser.run("return window.swapped > 0").await == json!(true) {
            break;
        }
        pause(20).await;
    }
    wrong.require(page, browser.run("return window.swapped > 0").await == json!(true), "does not exchange its list");
    pause(60).await;
    wrong.add(page, "exchange", &browser.run("return checks.shifts()").await);
}

async fn everywhere(language: &'static str) {
    let place = Place::open().await;
    let mut sessions = Vec::new();
    for (_, _, who) in PAGES {
        if sessions.iter().all(|(known, _, _)| known != who) {
            match who {
                Who::Nobody => {}
                Who::Half => sessions.push((*who, None, arrive(&place, "3003", false).await.1)),
                Who::Staff(number) => {
                    let (actor, token) = arrive(&place, number, true).await;
                    sessions.push((*who, Some(actor), token));
                }
            }
        }
    }
    let actor = |who: Who| sessions.iter().find(|(known, _, _)| *known == who).and_then(|(_, actor, _)| actor.clone()).unwrap();
    let things = things(&place, actor).await;
    let browser = Browser::start(Setup { language, height: 900, ..Setup::default() }).await;
    browser.command("Page.addScriptToEvaluateOnNewDocument", json!({ "source": include_str!("everywhere.js") })).await;
    let mut wrong = Findings(Vec::new());
    for (_, path, who) in PAGES {
        browser.command("Network.clearBrowserCookies", json!({})).await;
        if let Some((_, _, token)) = sessions.iter().find(|(known, _, _)| known == who) {
            browser.cookie(SESSION_COOKIE, token, &place.url).await;
        }
        let path = things.fill(path);
        browser.go(&format!("{}{path}", place.url)).await;
        let here = browser.page.current_url().await.unwrap();
        wrong.require(&path, here.path() == path.split('?').next().unwrap(), &format!("leads to {here}"));
        browser.find("h1").await;
        let name = format!("{}-{language}", path.trim_matches('/').replace(|letter: char| !letter.is_ascii_alphanumeric(), "-"));
        browser.shot(&name).await;
        // The READMEs' pictures are taken here, when asked for.
        if path == "/audit" && std::env::var_os("CHUANGSHA_PICTURES").is_some() {
            let to = format!("../../docs/images/audit-{}.png", if language == "en" { "en" } else { "zh" });
            std::fs::copy(target().join(format!("screenshots/{name}.png")), to).unwrap();
        }
        look(&browser, &path, &mut wrong).await;
        // What keys reach and what an exchange moves is the same in every language.
        if language == "zh-CN" {
            exchange(&browser, &path, &mut wrong).await;
        } else {
            walk(&browser, &path, &mut wrong).await;
        }
    }
    assert!(wrong.0.is_empty(), "{} findings\n{}", wrong.0.len(), wrong.0.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_from_all_sides_in_chinese() {
    everywhere("zh-CN").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_from_all_sides_in_english_and_with_the_keyboard_alone() {
    everywhere("en").await;
}

/// The routes that answer to GET, read from the code that declares them.
fn routes(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            routes(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") && path.file_stem().is_some_and(|name| name != "tests") {
            let text = std::fs::read_to_string(&path).unwrap();
            let text = text.split("#[cfg(test)]").next().unwrap();
            for rest in text.split(".route(").skip(1) {
                // A path, or the name of a constant that holds it.
                let rest = rest.trim_start();
                let route = rest.strip_prefix('"').map_or_else(|| rest.split_once(','), |rest| rest.split_once('"'));
                let Some((route, rest)) = route else { continue };
                let mut depth = 1;
                let handlers: String = rest
                    .chars()
                    .take_while(|letter| {
                        depth += i32::from(*letter == '(') - i32::from(*letter == ')');
                        depth > 0
                    })
                    .collect();
                if handlers.contains("get(") {
                    found.insert(route.to_owned());
                }
            }
        }
    }
}

#[test]
fn every_route_is_looked_at() {
    let mut found = BTreeSet::new();
    routes(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../app/src"), &mut found);
    assert!(found.len() > 25, "routes are found: {found:?}");
    let known: BTreeSet<_> = PAGES.iter().map(|(route, _, _)| *route).chain(NOT_PAGES.iter().map(|(route, _)| *route)).collect();
    let unknown: Vec<_> = found.iter().filter(|route| !known.contains(route.as_str())).collect();
    assert!(unknown.is_empty(), "in neither list: {unknown:?}");
    let gone: Vec<_> = known.iter().filter(|route| !route.is_empty() && !found.contains(**route)).collect();
    assert!(gone.is_empty(), "no such route: {gone:?}");
}

/// What a screen reader is given of the page's main part: one line a node, deeper ones indented.
fn spoken(tree: &Value) -> String {
    let nodes: Vec<&Value> = tree["nodes"].as_array().unwrap().iter().collect();
    let of = |id: &Value| nodes.iter().copied().find(|node| node["nodeId"] == *id);
    let main = nodes.iter().copied().find(|node| node["role"]["value"] == "main").unwrap();
    let mut text = String::new();
    let mut stack: Vec<(&Value, usize)> = vec![(main, 0)];
    while let Some((node, depth)) = stack.pop() {
        let role = node["role"]["value"].as_str().unwrap_or_default();
        let name = node["name"]["value"].as_str().unwrap_or_default().trim();
        let plain = ["generic", "none", "InlineTextBox", "LineBreak", "paragraph", "ListMarker", "LabelText", "time", "strong", "code"]
            .contains(&role);
        let silent = node["ignored"] == true || plain || (role == "StaticText" && name.is_empty());
        if !silent {
            let states = node["properties"].as_array().into_iter().flatten().filter_map(|one| {
                let value = one["value"]["value"].to_string().replace('"', "");
                let told = ["level", "invalid", "required", "disabled", "checked", "expanded", "pressed", "valuetext"];
                let name = one["name"].as_str()?;
                (told.contains(&name) && value != "false").then(|| format!(" {name}={value}"))
            });
            text += &format!(
                "{}{role}{}{}\n",
                "  ".repeat(depth),
                if name.is_empty() { String::new() } else { format!(" \"{name}\"") },
                states.collect::<String>()
            );
        }
        // What a button, a link or a row of a table says is its name; its own words would only repeat it. The choices of a list are data.
        let whole = ["button", "link", "heading", "row", "checkbox", "radio", "DisclosureTriangle", "Date", "combobox"];
        if !whole.contains(&role) || name.is_empty() {
            let children = node["childIds"].as_array().into_iter().flatten().filter_map(of).collect::<Vec<_>>();
            let below = if silent { depth } else { depth + 1 };
            stack.extend(children.into_iter().rev().map(|child| (child, below)));
        }
    }
    text
}

/// Every part in every state: what it looks like goes to `target/screenshots`, what it says is kept beside this file.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_part_is_said_as_it_was() {
    let place = Place::open().await;
    let token = arrive(&place, "2207", true).await.1;
    let browser = Browser::start(Setup { height: 900, ..Setup::default() }).await;
    browser.cookie(SESSION_COOKIE, &token, &place.url).await;
    let mut shapes = Vec::new();
    for (language, name) in [("zh-CN", "zh"), ("en", "en")] {
        // The switches are links that work without scripts: this is how people get there.
        browser.go(&format!("{}/language/{language}?back=/_parts", place.url)).await;
        browser.arrived("/_parts").await;
        browser.command("Accessibility.enable", json!({})).await;
        let said = spoken(&browser.command("Accessibility.getFullAXTree", json!({})).await);
        shapes.push(said.lines().map(|line| line.split('"').next().unwrap().trim_end().to_owned()).collect::<Vec<_>>());
        if name == "zh" {
            insta::assert_snapshot!("parts", said);
        }
        for theme in ["light", "dark"] {
            browser.go(&format!("{}/theme/{theme}?back=/_parts", place.url)).await;
            browser.arrived("/_parts").await;
            browser.shot(&format!("parts-{name}-{theme}")).await;
        }
    }
    assert_eq!(shapes[0], shapes[1], "the page is built alike in both languages");
    // The chosen theme holds against the device's, in the colours and in the browser's own parts.
    browser.media("light", true).await;
    let ground = "return [getComputedStyle(document.body).backgroundColor, getComputedStyle(document.documentElement).colorScheme]";
    let chosen = browser.run(ground).await;
    browser.go(&format!("{}/theme/auto?back=/_parts", place.url)).await;
    browser.arrived("/_parts").await;
    let light = browser.run(ground).await;
    browser.media("dark", true).await;
    let device = browser.run(ground).await;
    assert_eq!(chosen[0], device[0], "dark by choice and dark by device are one theme");
    assert_eq!((chosen[1].as_str(), light[1].as_str()), (Some("dark"), Some("light dark")));
    assert_ne!(light[0], device[0]);
}

/// Motion is shown to those who did not ask for less, and to nobody else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn less_motion_is_no_motion() {
    let place = Place::open().await;
    let token = arrive(&place, "2207", true).await.1;
    let browser = Browser::start(Setup { height: 900, ..Setup::default() }).await;
    browser.cookie(SESSION_COOKIE, &token, &place.url).await;
    browser
        .command(
            "Page.addScriptToEvaluateOnNewDocument",
            json!({ "source": "addEventListener('animationstart', () => { window.moved = true; }, true)" }),
        )
        .await;
    for (still, moves) in [(false, true), (true, false)] {
        browser.media("light", still).await;
        browser.go(&format!("{}/?done=saved", place.url)).await;
        browser.find(".toast").await;
        pause(200).await;
        assert_eq!(browser.run("return window.moved === true").await, json!(moves), "less motion asked for: {still}");
    }
}
