//! 现场采集: one task a screen, from number to submission. Every step is an ordinary form; camera and signature pad only fill its file fields.

use std::collections::BTreeMap;

use askama::Template;
use axum::{
    Router,
    extract::{DefaultBodyLimit, Multipart, Path, Query, State as Of},
    response::Response,
    routing::{get, post},
};
use chuangsha_kernel::{id::OrderId, problem::Problem, role::Action, rulebook::EntryMode};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{customer_words, defect_words, document_words, image_words, mode_words, order_id, party_words, product_words, way_words};
use crate::{
    App,
    platform::{
        actor::Actor,
        failure::Result,
        web::{
            form::{Choice, Input, Kind, Notice, notice},
            frame::shown,
            page, page_refused,
            pages::{Check, Dialog, FormPart},
            parts::{Fact, Facts, Tag, Tone, Value, code, fact, status as status_fact},
            see_other,
            shell::Shell,
            table::Address,
        },
        words::Words,
    },
    registration::{
        Refusal,
        desk::{self, NewOrder, PartyInput, Reservation},
        order::{Customer, ImageKind, Mode, Product, State},
        view::{self, OrderView, RowView},
    },
    suspension::page::standing_tag,
};

/// One step of the way, as the line of steps shows it.
#[derive(Debug, Clone)]
pub struct StepMark {
    /// Words.
    pub label: &'static str,
    /// `done`, `now` or `later`.
    pub state: &'static str,
    /// Where it can be seen again.
    pub href: Option<String>,
}

/// A picture to take: the file field and what the camera or pad needs to know.
#[derive(Debug, Clone)]
pub struct Shot {
    /// The file field.
    pub input: Input,
    /// `environment` or `user`.
    pub facing: &'static str,
    /// Written by hand instead of photographed.
    pub pad: bool,
}

/// Pictures a browser may send; the server decodes and encodes them again.
pub const PICTURES: &str = "image/jpeg,image/png,image/webp";

impl Shot {
    /// Taken with the camera.
    pub fn camera(name: &'static str, label: &str, hint: &str, facing: &'static str) -> Self {
        Self { input: Input::new(name, label, Kind::File(PICTURES, facing)).hint(hint), facing, pad: false }
    }

    /// Written on the pad.
    pub fn pad(name: &'static str, label: &str, hint: &str) -> Self {
        Self { input: Input::new(name, label, Kind::File(PICTURES, "")).hint(hint), facing: "", pad: true }
    }
}

/// One screen of the capture.
#[derive(Template)]
#[template(path = "registration/capture.html")]
pub struct CapturePage {
    /// Frame.
    pub shell: Shell,
    /// Words.
    pub w: &'static Words,
    /// 单号, once there is one.
    pub number: String,
    /// The line of steps.
    pub steps: Vec<StepMark>,
    /// What this step is.
    pub heading: String,
    /// One sentence.
    pub lead: String,
    /// Posted here.
    pub action: String,
    /// Values the page remembers for the form.
    pub hidden: Vec<(String, String)>,
    /// Free numbers: id and digits.
    pub offers: Vec<(String, String)>,
    /// The one picked.
    pub picked: String,
    /// Other numbers.
    pub more: Option<String>,
    /// Refused just now.
    pub notice: Option<Notice>,
    /// Fields.
    pub fields: Vec<Input>,
    /// Pictures.
    pub shots: Vec<Shot>,
    /// Fields of a proxy, folded away.
    pub proxy: Vec<Input>,
    /// Pictures of a proxy.
    pub proxy_shots: Vec<Shot>,
    /// The proxy's fields are filled in.
    pub proxy_open: bool,
    /// What will be submitted.
    pub summary: Option<Facts>,
    /// Words on the button.
    pub submit: String,
    /// Previous step.
    pub back: Option<String>,
    /// Words of the button that cancels.
    pub cancel: Option<String>,
    /// Asks before cancelling.
    pub dialog: Option<Dialog>,
    /// Rules of the step, with their articles.
    pub checks: Vec<Check>,
}

/// The line of steps with `now` (0..5) as the present one; earlier ones lead back when the order is known.
pub fn steps(w: &'static Words, now: usize, order: Option<&str>) -> Vec<StepMark> {
    [
        (w.step_number, ""),
        (w.step_document, "document"),
        (w.step_portrait, "portrait"),
        (w.step_signature, "signature"),
        (w.step_submit, "submission"),
    ]
    .into_iter()
    .enumerate()
    .map(|(index, (label, path))| StepMark {
        label,
        state: if index < now {
            "done"
        } else if index == now {
            "now"
        } else {
            "later"
        },
        // The number is held once it is picked: there is no way back to picking another, only to cancelling.
        href: order.filter(|_| index > 0 && index < now).map(|order| format!("/capture/{order}/{path}")),
    })
    .collect()
}

/// Routes of this file. Two document pictures of a modern phone fit into one form.
pub fn pages() -> Router<App> {
    Router::new()
        .route("/capture", get(start).post(open))
        .route("/capture/{id}", get(resume_page))
        .route("/capture/{id}/document", get(document).post(take_document))
        .route("/capture/{id}/portrait", get(portrait).post(take_portrait))
        .route("/capture/{id}/signature", get(signature).post(take_signature))
        .route("/capture/{id}/submission", get(submission).post(submit))
        .route("/capture/{id}/cancellation", post(cancel))
        .layer(DefaultBodyLimit::max(32 * 1024 * 1024))
}

/// Numbers offered at a time.
const OFFERS: i64 = 12;

/// Where an order in the middle of its capture goes on.
pub fn resume(row: &RowView) -> String {
    format!("/capture/{}", row.id)
}

/// The step an order is at.
fn next_step(order: &OrderView) -> &'static str {
    use ImageKind as I;
    let needs = |kinds: &[I]| order.images_needed.iter().any(|kind| kinds.contains(kind));
    match order.state {
        State::Draft => "document",
        State::Returned => "document",
        _ if needs(&[I::DocumentFront, I::DocumentBack, I::AgentDocument, I::OrganisationCertificate]) => "document",
        _ if needs(&[I::LivePhoto]) => "portrait",
        _ if needs(&[I::Signature]) => "signature",
        _ => "submission",
    }
}

/// A form as it came: texts, wiped when dropped, and pictures.
pub(super) struct Posted {
    texts: BTreeMap<String, Zeroizing<String>>,
    pictures: Vec<(ImageKind, Vec<u8>)>,
}

impl Posted {
    pub(super) async fn read(mut form: Multipart) -> Result<Self> {
        let mut posted = Self { texts: BTreeMap::new(), pictures: Vec::new() };
        let broken = crate::platform::edge::body::broken;
        while let Some(field) = form.next_field().await.map_err(broken)? {
            let name = field.name().unwrap_or_default().to_owned();
            if let Some(kind) = ImageKind::parse(&name) {
                let bytes = field.bytes().await.map_err(broken)?;
                // A file field left alone is sent empty.
                if !bytes.is_empty() {
                    posted.pictures.push((kind, bytes.to_vec()));
                }
            } else {
                posted.texts.insert(name, crate::platform::edge::body::text(field).await?);
            }
        }
        Ok(posted)
    }

    pub(super) fn text(&self, name: &str) -> &str {
        self.texts.get(name).map_or("", |text| text.trim())
    }

    fn yes(&self, name: &str) -> bool {
        self.text(name) == "yes"
    }

    fn version(&self) -> i64 {
        self.text("version").parse().unwrap_or(0)
    }

    fn party(&self, role: &str) -> PartyInput {
        let text = |field: &str| Zeroizing::new(self.text(&format!("{role}.{field}")).to_owned());
        let date = |field: &str| Some(self.text(&format!("{role}.{field}")).to_owned()).filter(|text| !text.is_empty());
        let kind = text("document_kind");
        PartyInput {
            document_kind: if role == "organisation" { "organisation_code".to_owned() } else { kind.to_string() },
            document_number: text("document_number"),
            name: text("name"),
            address: text("address"),
            country: Some(text("country").to_string()).filter(|country| !country.is_empty()),
            phone: Some(text("phone")).filter(|phone| !phone.is_empty()),
            valid_from: date("valid_from"),
            valid_until: date("valid_until"),
        }
    }

    fn has_agent(&self) -> bool {
        ["name", "document_number"].iter().any(|field| !self.text(&format!("agent.{field}")).is_empty())
    }
}

/// What the pages of one order have in common.
struct Desk {
    app: App,
    actor: Actor,
    shell: Shell,
    id: OrderId,
    order: OrderView,
}

impl Desk {
    async fn of(app: App, actor: Actor, shell: Shell, id: &str) -> Result<Self> {
        let id = order_id(id)?;
        let order = view::find(&app, &actor, id).await?;
        if !order.captured_by_us {
            return Err(Refusal::NotFound.into());
        }
        Ok(Self { app, actor, shell, id, order })
    }

    async fn refresh(&mut self) -> Result<()> {
        self.order = view::find(&self.app, &self.actor, self.id).await?;
        Ok(())
    }

    fn at(&self, step: &str) -> String {
        format!("/capture/{}/{step}", self.id)
    }

    /// Past its capture, an order is only looked at.
    fn gone(&self) -> Option<Response> {
        let open = matches!(self.order.state, State::Draft | State::Reserved | State::Captured | State::Returned);
        (!open).then(|| see_other(&format!("/orders/{}", self.id)))
    }

    fn screen(&self, now: usize, step: &str, heading: &str, lead: &str, checks: Vec<Check>) -> CapturePage {
        let w = self.shell.w;
        let id = self.id.to_string();
        let words = vec![Input::new("words", w.reason, Kind::Area).required().longest(200).wide().prefix("c")];
        CapturePage {
            w,
            number: self.order.code.clone(),
            steps: steps(w, now, Some(&id)),
            heading: heading.to_owned(),
            lead: lead.to_owned(),
            action: self.at(step),
            hidden: vec![("version".into(), self.order.version.to_string())],
            offers: Vec::new(),
            picked: String::new(),
            more: None,
            notice: None,
            fields: Vec::new(),
            shots: Vec::new(),
            proxy: Vec::new(),
            proxy_shots: Vec::new(),
            proxy_open: false,
            summary: self.summary(),
            submit: w.step_next.to_owned(),
            back: None,
            cancel: Some(w.cancel_order.to_owned()),
            dialog: Some(Dialog {
                id: "cancel".into(),
                title: w.cancel_order.into(),
                open: false,
                form: FormPart::new(w, format!("/capture/{id}/cancellation"), w.cancel_order, words)
                    .lead(w.cancel_order_lead)
                    .danger()
                    .keep("version", self.order.version),
            }),
            checks,
            shell: self.shell.clone(),
        }
    }

    /// What an auditor asked to be captured again; of a number in use, which it is and whether it is stopped.
    fn summary(&self) -> Option<Facts> {
        let (w, order) = (self.shell.w, &self.order);
        let mut facts = Vec::new();
        if order.reregistration {
            facts.push(code(w.number, order.number.clone()));
            facts.push(status_fact(w.reregister_standing, standing_tag(w, self.shell.language, order.standing)));
        }
        if order.state == State::Returned {
            facts.extend(order.defects.iter().map(|defect| status_fact(w.return_order, Tag::new(Tone::Warning, defect_words(w, *defect)))));
        }
        (!facts.is_empty()).then_some(Facts { facts })
    }

    /// Takes the pictures in; the first that is refused is the answer.
    async fn add(&self, pictures: Vec<(ImageKind, Vec<u8>)>) -> Result<()> {
        for (kind, bytes) in pictures {
            desk::add_image(&self.app, &self.actor, self.id, kind, bytes).await?;
        }
        Ok(())
    }

    fn shot(&self, kind: ImageKind, problem: Option<&Problem>) -> Shot {
        let w = self.shell.w;
        let there = self.order.images.iter().any(|image| image.kind == kind);
        let hint = if there { format!("{} · {}", w.camera_taken, w.picture_hint) } else { w.picture_hint.to_owned() };
        let mut shot = match kind {
            ImageKind::Signature => Shot::pad(kind.as_str(), image_words(w, kind), w.signature_hint),
            ImageKind::LivePhoto => Shot::camera(kind.as_str(), image_words(w, kind), &hint, "user"),
            _ => Shot::camera(kind.as_str(), image_words(w, kind), &hint, "environment"),
        };
        shot.input = shot.input.check(problem, self.shell.language);
        shot
    }
}

/// Articles shown beside a step: they hold whatever is pressed.
pub fn rules(w: &'static Words, list: &[(&'static str, &str)]) -> Vec<Check> {
    let _ = w;
    list.iter()
        .map(|(text, article)| Check {
            tag: Tag::new(Tone::Quiet, (*article).to_owned()),
            text: (*text).to_owned(),
            article: String::new(),
        })
        .collect()
}

/// What the first step asks for.
#[derive(serde::Deserialize)]
struct Wish {
    #[serde(default)]
    product: String,
    #[serde(default)]
    after: String,
}

fn product_of(text: &str) -> Product {
    Product::ALL.into_iter().find(|product| product.as_str() == text).unwrap_or(Product::Voice)
}

async fn start(Of(app): Of<App>, actor: Actor, shell: Shell, Query(wish): Query<Wish>) -> Result<Response> {
    let after = Uuid::try_parse(&wish.after).unwrap_or(Uuid::nil());
    let screen = first_screen(&app, &actor, shell, product_of(&wish.product), after, BTreeMap::new(), None).await?;
    Ok(page(&screen))
}

async fn first_screen(
    app: &App,
    actor: &Actor,
    shell: Shell,
    product: Product,
    after: Uuid,
    asked: BTreeMap<String, String>,
    problem: Option<&Problem>,
) -> Result<CapturePage> {
    let w = shell.w;
    actor.require(app, Action::OrderReserve, &actor.here())?;
    let mut offers = desk::offers(app, actor, product, after, OFFERS).await?;
    if offers.is_empty() && !after.is_nil() {
        offers = desk::offers(app, actor, product, Uuid::nil(), OFFERS).await?;
    }
    let more = offers
        .last()
        .map(|last| Address::new("/capture", [("product", product.as_str().to_owned()), ("after", last.id.to_string())]).to_string());
    let value = |name: &str, usual: &str| asked.get(name).map_or_else(|| usual.to_owned(), Clone::clone);
    let products = Product::ALL.into_iter().map(|product| Choice::new(product.as_str(), product_words(w, product))).collect();
    let modes = Mode::ALL.into_iter().map(|mode| Choice::new(mode.as_str(), mode_words(w, mode))).collect();
    let customers =
        vec![Choice::new("individual", customer_words(w, Customer::Individual)), Choice::new("group", customer_words(w, Customer::Group))];
    let fields = vec![
        Input::new("customer", w.customer, Kind::Radio(customers)).required().value(value("customer", "individual")),
        Input::select("product", w.product_kind, products).required().value(product.as_str()).check(problem, shell.language),
        Input::select("mode", w.mode, modes).required().value(value("mode", "counter")).check(problem, shell.language),
    ];
    let wrong = if offers.is_empty() {
        Some(Notice { wrong: crate::platform::web::form::Wrong { title: w.capture_offers_none.into(), remedy: String::new() } })
    } else {
        notice(problem, &fields, shell.language)
    };
    Ok(CapturePage {
        w,
        number: String::new(),
        steps: steps(w, 0, None),
        heading: w.step_number.into(),
        lead: w.number_lead.into(),
        action: "/capture".into(),
        hidden: Vec::new(),
        offers: offers.into_iter().map(|offer| (offer.id.to_string(), grouped(&offer.number))).collect(),
        picked: value("number", ""),
        more,
        notice: wrong,
        fields,
        shots: Vec::new(),
        proxy: Vec::new(),
        proxy_shots: Vec::new(),
        proxy_open: false,
        summary: None,
        submit: w.step_next.into(),
        back: None,
        cancel: None,
        dialog: None,
        checks: rules(w, &[(w.rule_no_document, "R-REG-5"), (w.rule_limit, "R-LIM-1"), (w.rule_gate, "R-REG-6")]),
        shell,
    })
}

/// `19900001234` → `199 0000 1234`
fn grouped(number: &str) -> String {
    match (number.get(..3), number.get(3..7), number.get(7..)) {
        (Some(head), Some(middle), Some(tail)) => format!("{head} {middle} {tail}"),
        _ => number.to_owned(),
    }
}

async fn open(Of(app): Of<App>, actor: Actor, shell: Shell, form: Multipart) -> Result<Response> {
    let posted = Posted::read(form).await?;
    let product = product_of(posted.text("product"));
    let result = match Uuid::try_parse(posted.text("number")) {
        Err(_) => Err(Refusal::NumberUnknown.into()),
        Ok(number) => {
            let mode = Mode::ALL.into_iter().find(|mode| mode.as_str() == posted.text("mode")).unwrap_or(Mode::Counter);
            let customer = if posted.text("customer") == "group" { Customer::Group } else { Customer::Individual };
            desk::open(&app, &actor, NewOrder { number, mode, product, customer }).await
        }
    };
    match result {
        Ok(id) => Ok(see_other(&format!("/capture/{id}/document"))),
        Err(failure) => {
            let problem = shown(failure)?;
            let asked = posted.texts.iter().map(|(key, value)| (key.clone(), value.to_string())).collect();
            let screen = first_screen(&app, &actor, shell, product, Uuid::nil(), asked, Some(&problem)).await?;
            Ok(page_refused(&problem, &screen))
        }
    }
}

async fn resume_page(Of(app): Of<App>, actor: Actor, shell: Shell, Path(id): Path<String>) -> Result<Response> {
    let desk = Desk::of(app, actor, shell, &id).await?;
    Ok(desk.gone().unwrap_or_else(|| see_other(&desk.at(next_step(&desk.order)))))
}

async fn document(Of(app): Of<App>, actor: Actor, shell: Shell, Path(id): Path<String>) -> Result<Response> {
    let desk = Desk::of(app, actor, shell, &id).await?;
    Ok(desk.gone().unwrap_or_else(|| page(&document_screen(&desk, None, None))))
}

/// Names of a party's fields, as the refusals name them.
struct PartyNames {
    kind: &'static str,
    number: &'static str,
    name: &'static str,
    address: &'static str,
}

const HOLDER: PartyNames =
    PartyNames { kind: "holder.document_kind", number: "holder.document_number", name: "holder.name", address: "holder.address" };
const AGENT: PartyNames =
    PartyNames { kind: "agent.document_kind", number: "agent.document_number", name: "agent.name", address: "agent.address" };
const HANDLER: PartyNames =
    PartyNames { kind: "handler.document_kind", number: "handler.document_number", name: "handler.name", address: "handler.address" };
const ORGANISATION: PartyNames =
    PartyNames { kind: "", number: "organisation.document_number", name: "organisation.name", address: "organisation.address" };

fn party_fields(desk: &Desk, names: &PartyNames, title: &str, must: bool) -> Vec<Input> {
    let w = desk.shell.w;
    let titled = |label: &str| if title.is_empty() { label.to_owned() } else { format!("{title} · {label}") };
    let need = |input: Input| if must { input.required() } else { input };
    let mut fields = Vec::new();
    if !names.kind.is_empty() {
        let kinds =
            view::document_kinds().map(|kind| Choice::new(kind.as_str(), document_words(desk.shell.language, kind.as_str()))).collect();
        fields.push(need(Input::select(names.kind, titled(w.document_kind), kinds)).value("resident_id"));
    }
    let number = if names.kind.is_empty() { titled(w.group_code) } else { titled(w.document_number) };
    let name = if names.kind.is_empty() { titled(w.group_name) } else { titled(w.holder_name) };
    fields.push(need(Input::text(names.number, number)).longest(40).hint(if title.is_empty() { w.document_number_hint } else { "" }));
    fields.push(need(Input::text(names.name, name)).longest(64));
    fields.push(need(Input::text(names.address, titled(w.address))).longest(200).wide());
    fields
}

fn document_screen(desk: &Desk, posted: Option<&Posted>, problem: Option<&Problem>) -> CapturePage {
    let (w, language) = (desk.shell.w, desk.shell.language);
    let checks = rules(
        w,
        &[
            (w.rule_original, "R-REG-2"),
            (w.rule_photo, "R-REG-3"),
            (w.rule_channel, "R-CHN-4"),
            (w.hall_only, "R-CHN-5"),
            (w.rule_proxy, "L-REG-4"),
            (w.rule_mark, "L-REG-7"),
        ],
    );
    let mut screen = desk.screen(1, "document", w.step_document, w.document_lead, checks);
    let draft = desk.order.state == State::Draft;
    if draft {
        let entries = EntryMode::ALL
            .iter()
            .map(|entry| {
                let words = match entry {
                    EntryMode::Reader => w.entry_reader,
                    EntryMode::Mrz => w.entry_mrz,
                    EntryMode::Ocr => w.entry_ocr,
                    EntryMode::Manual => w.entry_manual,
                    EntryMode::Upload => w.entry_upload,
                };
                Choice::new(entry.as_str(), words)
            })
            .collect();
        screen.fields.extend(party_fields(desk, &HOLDER, "", true));
        screen.fields.insert(1, Input::select("entry", w.entry_mode, entries).required().value("reader"));
        screen.fields.push(Input::new("holder.valid_from", w.valid_from, Kind::Line("date")));
        screen.fields.push(Input::new("holder.valid_until", w.valid_until, Kind::Line("date")).hint(w.valid_until_hint));
        screen.fields.push(Input::text("holder.country", w.passport_country).hint(w.passport_country_hint).longest(3));
        screen.fields.push(Input::new("holder.phone", w.contact_phone, Kind::Line("tel")).inputmode("tel").longest(20));
        if desk.order.customer == Customer::Group {
            screen.fields.extend(party_fields(desk, &ORGANISATION, w.party_organisation, true));
            screen.fields.extend(party_fields(desk, &HANDLER, w.party_handler, true));
        }
        screen.proxy = party_fields(desk, &AGENT, w.agent, false);
        if let Some(posted) = posted {
            for field in screen.fields.iter_mut().chain(&mut screen.proxy) {
                field.value = posted.text(field.name).to_owned();
            }
            screen.proxy_open = posted.has_agent();
        }
        let checked = |fields: Vec<Input>| fields.into_iter().map(|field| field.check(problem, language)).collect::<Vec<_>>();
        screen.fields = checked(std::mem::take(&mut screen.fields));
        screen.proxy = checked(std::mem::take(&mut screen.proxy));
        screen.proxy_open |= screen.proxy.iter().any(|field| field.wrong.is_some());
    } else {
        let mut facts = parties(desk);
        if let Some(defects) = screen.summary.take() {
            facts.facts.extend(defects.facts);
        }
        screen.summary = Some(facts);
    }
    let mut kinds = vec![ImageKind::DocumentFront, ImageKind::DocumentBack];
    if draft {
        screen.proxy_shots = vec![desk.shot(ImageKind::AgentDocument, problem)];
    } else if desk.order.by_proxy {
        kinds.push(ImageKind::AgentDocument);
    }
    if desk.order.customer == Customer::Group {
        kinds.push(ImageKind::OrganisationCertificate);
    }
    let known =
        |kind: &ImageKind| draft || desk.order.images_needed.contains(kind) || desk.order.images.iter().any(|image| image.kind == *kind);
    screen.shots = kinds.into_iter().filter(known).map(|kind| desk.shot(kind, problem)).collect();
    let mut all = screen.fields.clone();
    all.extend(screen.proxy.iter().cloned());
    all.extend(screen.shots.iter().map(|shot| shot.input.clone()));
    screen.notice = notice(problem, &all, language);
    screen
}

/// The parties as recorded, masked.
fn parties(desk: &Desk) -> Facts {
    let w = desk.shell.w;
    let mut facts = vec![code(w.number, desk.order.number.clone())];
    for party in &desk.order.parties {
        let role = party_words(w, &party.role);
        facts.push(fact(role, party.name.clone()));
        facts.push(code(&document_words(desk.shell.language, &party.document_kind), party.document_number.clone()));
        facts.push(fact(w.address, party.address.clone()));
    }
    Facts { facts }
}

async fn take_document(Of(app): Of<App>, actor: Actor, shell: Shell, Path(id): Path<String>, form: Multipart) -> Result<Response> {
    let mut desk = Desk::of(app, actor, shell, &id).await?;
    if let Some(gone) = desk.gone() {
        return Ok(gone);
    }
    let mut posted = Posted::read(form).await?;
    let pictures = std::mem::take(&mut posted.pictures);
    let done = record_document(&mut desk, &posted, pictures).await;
    match done {
        Ok(()) => {
            let next = if desk.order.state == State::Returned { "portrait" } else { next_step(&desk.order) };
            Ok(see_other(&desk.at(next)))
        }
        Err(failure) => {
            let problem = shown(failure)?;
            desk.refresh().await?;
            Ok(page_refused(&problem, &document_screen(&desk, Some(&posted), Some(&problem))))
        }
    }
}

async fn record_document(desk: &mut Desk, posted: &Posted, pictures: Vec<(ImageKind, Vec<u8>)>) -> Result<()> {
    if desk.order.state == State::Draft {
        let group = desk.order.customer == Customer::Group;
        let reservation = Reservation {
            version: posted.version(),
            entry: posted.text("entry").to_owned(),
            holder: posted.party("holder"),
            agent: posted.has_agent().then(|| posted.party("agent")),
            organisation: group.then(|| posted.party("organisation")),
            handler: group.then(|| posted.party("handler")),
        };
        desk::reserve(&desk.app, &desk.actor, desk.id, reservation).await?;
    }
    // Only an order that has an agent keeps the picture of an agent's document.
    desk.refresh().await?;
    let by_proxy = desk.order.by_proxy;
    desk.add(pictures.into_iter().filter(|(kind, _)| by_proxy || *kind != ImageKind::AgentDocument).collect()).await?;
    desk.refresh().await
}

async fn portrait(Of(app): Of<App>, actor: Actor, shell: Shell, Path(id): Path<String>) -> Result<Response> {
    let desk = Desk::of(app, actor, shell, &id).await?;
    Ok(desk.gone().unwrap_or_else(|| page(&one_picture(&desk, ImageKind::LivePhoto, None))))
}

async fn signature(Of(app): Of<App>, actor: Actor, shell: Shell, Path(id): Path<String>) -> Result<Response> {
    let desk = Desk::of(app, actor, shell, &id).await?;
    Ok(desk.gone().unwrap_or_else(|| page(&one_picture(&desk, ImageKind::Signature, None))))
}

/// The step of one picture.
fn one_picture(desk: &Desk, kind: ImageKind, problem: Option<&Problem>) -> CapturePage {
    let w = desk.shell.w;
    let mut screen = if kind == ImageKind::LivePhoto {
        let checks = rules(w, &[(w.rule_live, "L-REG-15"), (w.rule_face, "L-REG-17"), (w.rule_mark, "L-REG-7")]);
        let mut screen = desk.screen(2, "portrait", w.step_portrait, w.portrait_lead, checks);
        screen.back = Some(desk.at("document"));
        screen
    } else {
        let checks = rules(w, &[(w.rule_resale, "L-REG-22"), (w.rule_gate, "R-REG-6")]);
        let mut screen = desk.screen(3, "signature", w.step_signature, w.signature_lead, checks);
        screen.back = Some(desk.at("portrait"));
        screen
    };
    let shot = desk.shot(kind, problem);
    screen.notice = notice(problem, std::slice::from_ref(&shot.input), desk.shell.language);
    screen.shots = vec![shot];
    screen
}

async fn take_portrait(Of(app): Of<App>, actor: Actor, shell: Shell, Path(id): Path<String>, form: Multipart) -> Result<Response> {
    take_one(Desk::of(app, actor, shell, &id).await?, form, ImageKind::LivePhoto, "signature").await
}

async fn take_signature(Of(app): Of<App>, actor: Actor, shell: Shell, Path(id): Path<String>, form: Multipart) -> Result<Response> {
    take_one(Desk::of(app, actor, shell, &id).await?, form, ImageKind::Signature, "submission").await
}

async fn take_one(desk: Desk, form: Multipart, kind: ImageKind, next: &str) -> Result<Response> {
    if let Some(gone) = desk.gone() {
        return Ok(gone);
    }
    let posted = Posted::read(form).await?;
    let there = desk.order.images.iter().any(|image| image.kind == kind);
    let pictures: Vec<_> = posted.pictures.into_iter().filter(|(sent, _)| *sent == kind).collect();
    // Nothing sent, nothing there: said now. An online customer who declines the comparison needs no portrait, which the last step knows.
    let online = kind == ImageKind::LivePhoto && desk.order.mode.is_online();
    let done = if pictures.is_empty() && !there && !online { Err(Refusal::ImageMissing { kind }.into()) } else { desk.add(pictures).await };
    match done {
        Ok(()) => Ok(see_other(&desk.at(next))),
        Err(failure) => {
            let problem = shown(failure)?;
            Ok(page_refused(&problem, &one_picture(&desk, kind, Some(&problem))))
        }
    }
}

async fn submission(Of(app): Of<App>, actor: Actor, shell: Shell, Path(id): Path<String>) -> Result<Response> {
    let desk = Desk::of(app, actor, shell, &id).await?;
    Ok(desk.gone().unwrap_or_else(|| page(&last_screen(&desk, None, None))))
}

fn last_screen(desk: &Desk, posted: Option<&Posted>, problem: Option<&Problem>) -> CapturePage {
    let (w, language) = (desk.shell.w, desk.shell.language);
    let checks =
        rules(w, &[(w.rule_original, "R-REG-2"), (w.rule_resale, "L-REG-22"), (w.rule_face, "L-REG-17"), (w.rule_gate, "R-REG-6")]);
    let mut screen = desk.screen(4, "submission", w.step_submit, w.submit_lead, checks);
    let tick = |name: &'static str, label: &str| {
        let value = if posted.is_some_and(|posted| posted.yes(name)) { "yes" } else { "" };
        Input::new(name, label, Kind::Check).wide().value(value).check(problem, language)
    };
    screen.fields =
        vec![tick("original_seen", w.original_seen), tick("warning_read", w.warning_read), tick("face_declined", w.face_declined)];
    if desk.order.customer == Customer::Group {
        screen.fields.push(tick("agreement_clause", w.clause_signed));
    }
    let mut facts = parties(desk);
    facts.facts.push(fact(w.product_kind, product_words(w, desk.order.product)));
    facts.facts.push(fact(w.mode, way_words(w, desk.order.mode, desk.order.reregistration)));
    let missing: Vec<_> = desk.order.images_needed.iter().map(|kind| image_words(w, *kind)).collect();
    facts.facts.push(Fact {
        label: w.documents.to_owned(),
        value: Value::Tag(if missing.is_empty() {
            Tag::new(Tone::Good, w.pictures_ready)
        } else {
            Tag::new(Tone::Warning, format!("{}: {}", w.pictures_missing, missing.join(" · ")))
        }),
    });
    screen.summary = Some(facts);
    screen.notice = notice(problem, &screen.fields, language);
    screen.submit = w.submit_order.to_owned();
    screen.back = Some(desk.at("signature"));
    screen
}

async fn submit(Of(app): Of<App>, actor: Actor, shell: Shell, Path(id): Path<String>, form: Multipart) -> Result<Response> {
    let mut desk = Desk::of(app, actor, shell, &id).await?;
    if let Some(gone) = desk.gone() {
        return Ok(gone);
    }
    let posted = Posted::read(form).await?;
    let capture = desk::Capture {
        version: posted.version(),
        original_seen: posted.yes("original_seen"),
        warning_read: posted.yes("warning_read"),
        face_declined: posted.yes("face_declined"),
        agreement_clause: posted.yes("agreement_clause"),
    };
    let done = match desk::capture(&desk.app, &desk.actor, desk.id, capture).await {
        Ok(captured) => desk::submit(&desk.app, &desk.actor, desk.id, captured.version).await,
        Err(failure) => Err(failure),
    };
    match done {
        Ok(_) => Ok(see_other(&format!("/orders/{}?done=submitted", desk.id))),
        Err(failure) => {
            let problem = shown(failure)?;
            desk.refresh().await?;
            Ok(page_refused(&problem, &last_screen(&desk, Some(&posted), Some(&problem))))
        }
    }
}

/// What a cancellation says.
#[derive(serde::Deserialize)]
struct Cancellation {
    version: i64,
    #[serde(default)]
    words: String,
}

async fn cancel(Of(app): Of<App>, actor: Actor, Path(id): Path<String>, axum::Form(form): axum::Form<Cancellation>) -> Result<Response> {
    let id = order_id(&id)?;
    desk::cancel(&app, &actor, id, form.version, form.words).await?;
    Ok(see_other(&format!("/orders/{id}?done=cancelled")))
}
