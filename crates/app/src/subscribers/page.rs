//! 用户页面: the search and one subscriber with what is held, what happened and who looked.

use axum::{
    Form, Router,
    extract::{Path, Query, State},
    response::Response,
    routing::get,
};
use chuangsha_kernel::{
    problem::{Language, Problem},
    role::Action,
    rulebook::ChannelKind,
};
use uuid::Uuid;

use super::{
    code,
    find::{self, BY_NUMBER, Search},
    view::{self, NumberView, Protection, SubscriberView},
};
use crate::{
    App,
    platform::{
        actor::Actor,
        failure::Result,
        reveal::{
            self, Reveal,
            disclosure::{Audience, Disclosure},
            page::Tried,
        },
        second::page::{field_words, purpose_words},
        web::{
            form::{Choice, Input, Kind, Notice, Wrong, notice},
            frame::shown,
            page, page_refused,
            pages::{Button, DetailPage, Dialog, FormPart, Section},
            parts::{Fact, Facts, Tab, Tabs, Tag, Timeline, Tone, Value, code as code_fact, fact},
            see_other,
            shell::Shell,
            table::{Act, Address, Cell, Column, Line, Table, keyset},
        },
        words::Words,
    },
    registration::{
        order::ImageKind,
        page::{
            channel_words, document_words, image_words, moment,
            orders::{field_of_step, moments},
            product_words, region_name, state_tag,
        },
        subscription::ServiceState,
        view::RowView,
    },
    suspension,
};

/// Routes of this file.
pub fn pages() -> Router<App> {
    Router::new()
        .route("/persons", get(search).post(look_up))
        .route("/persons/{id}", get(one))
        .route("/persons/{id}/reveal", get(back).post(reveal))
        .route("/persons/{id}/second", get(back).post(second))
        .route("/persons/{id}/protection", get(back).post(protect))
}

async fn search(State(app): State<App>, actor: Actor, shell: Shell) -> Result<Response> {
    actor.reach(&app, Action::SubscriberView)?;
    Ok(page(&form(shell, BY_NUMBER, "", "", None)))
}

/// The search; what was typed comes back with what is wrong with it, never in an address.
fn form(shell: Shell, by: &str, typed: &str, on: &str, problem: Option<&Problem>) -> DetailPage {
    let (w, language) = (shell.w, shell.language);
    let mut ways = vec![Choice::new(BY_NUMBER, w.subscriber_by_number)];
    ways.extend(view::document_kinds().map(|kind| Choice::new(kind.as_str(), document_words(language, kind.as_str()))));
    let fields: Vec<Input> = [
        Input::select("by", w.subscriber_by, ways).required().value(by),
        Input::text("value", w.subscriber_value).required().longest(40).hint(w.subscriber_value_hint).first().value(typed),
        Input::new("on", w.subscriber_on, Kind::Line("date")).hint(w.subscriber_on_hint).value(on),
    ]
    .into_iter()
    .map(|input| input.check(problem, language))
    .collect();
    let above = notice(problem, &fields, language);
    let part = FormPart { notice: above, ..FormPart::new(w, "/persons", w.search, fields).lead(w.subscriber_search_lead) };
    DetailPage {
        w,
        title: w.menu_subscribers.to_owned(),
        trail: Vec::new(),
        tags: Vec::new(),
        lead: w.subscribers_lead.to_owned(),
        buttons: Vec::new(),
        tabs: None,
        notice: None,
        revealed: None,
        sections: vec![Section::Form(w.subscriber_search.to_owned(), part)],
        dialogs: Vec::new(),
        shell,
    }
}

async fn look_up(State(app): State<App>, actor: Actor, shell: Shell, Form(asked): Form<Search>) -> Result<Response> {
    match find::search(&app, &actor, asked.clone()).await {
        Ok(id) => Ok(see_other(&format!("/persons/{id}"))),
        Err(failure) => {
            let problem = shown(failure)?;
            // Who may not search at all gets the page that says so.
            if problem.code.status == 403 {
                return Err(problem.into());
            }
            let screen = form(shell, &asked.by, &asked.value, &asked.on, Some(&problem));
            Ok(page_refused(&problem, &screen))
        }
    }
}

/// Which part of a subscriber is shown.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Part {
    tab: String,
    after: String,
    n: u64,
}

fn subscriber_id(text: &str) -> Result<Uuid> {
    text.parse().map_err(|_| Problem::new(&code::NOT_FOUND).into())
}

async fn one(State(app): State<App>, actor: Actor, shell: Shell, Path(id): Path<String>, Query(part): Query<Part>) -> Result<Response> {
    let id = subscriber_id(&id)?;
    Ok(page(&detail(&app, &actor, shell, id, &part, After::Nothing).await?))
}

/// A passkey asserted again leads back to a form's own address: the page it stands on is meant.
async fn back(Path(id): Path<String>) -> Result<Response> {
    Ok(see_other(&format!("/persons/{}", subscriber_id(&id)?)))
}

/// What was just tried on the page.
enum After<'a> {
    Nothing,
    /// A step was refused; the words typed come back.
    Refused(&'a Problem, &'a str),
    /// A reveal was asked for.
    Tried(&'a Tried),
}

impl After<'_> {
    const fn tried(&self) -> Option<&Tried> {
        if let Self::Tried(tried) = self { Some(tried) } else { None }
    }
}

async fn detail(app: &App, actor: &Actor, shell: Shell, id: Uuid, part: &Part, after: After<'_>) -> Result<DetailPage> {
    let (w, language) = (shell.w, shell.language);
    let subscriber = view::open(app, actor, id).await?;
    let may_reveal = actor.could(app, Action::RevealField) && (subscriber.holder.is_some() || subscriber.number.is_some());
    let (mut buttons, mut dialogs) = (Vec::new(), Vec::new());
    if may_reveal {
        let budget = view::budget(app, actor, subscriber.region.clone()).await?;
        buttons.push(Button::Dialog("reveal".into(), w.reveal.to_owned()));
        dialogs.push(reveal::page::dialog(reveal::page::Form {
            w,
            language,
            page: &format!("/persons/{id}"),
            parties: vec![Choice::new("holder", w.party_holder)],
            fields: fields(&subscriber).map(|field| Choice::new(field, field_words(w, field))).collect(),
            budget: &budget,
            once: app.ids.next(app.clock.now()),
            refused: after.tried().and_then(Tried::refused),
        }));
    }
    let held = match &subscriber.number {
        Some(number) => suspension::desk::of_subscription(app, actor, number.id).await?.map(|held| (number.state, held)),
        None => None,
    };
    // A right of its own beside the hold's: stopping is not seeing.
    if subscriber.number.as_ref().is_some_and(|number| number.state == ServiceState::InService) {
        if actor.could(app, Action::SuspensionStop) {
            buttons.push(Button::Page(suspension::page::new_for(id, None), w.suspension_new.to_owned()));
        }
        if actor.could(app, Action::SuspensionAppeal) {
            buttons.push(Button::Page(suspension::page::new_for(id, Some(suspension::Ground::Dispute)), w.suspension_dispute.to_owned()));
        }
    }
    if actor.could(app, Action::OrderReserve) {
        buttons.push(Button::Page("/capture".to_owned(), w.capture_new.to_owned()));
    }
    if actor.could(app, Action::SubscriberProtect) && subscriber.subject.is_some() {
        let dialog = protection(w, language, id, &subscriber, &after);
        buttons.push(Button::Dialog(dialog.id.clone(), dialog.title.clone()));
        dialogs.push(dialog);
    }
    let mut tags = tags(w, &subscriber);
    let mut stops = Vec::new();
    if let Some((ServiceState::InService, (line, holds))) = &held {
        let standing = suspension::Standing::of(holds.clone()).level;
        if standing.is_some() {
            tags.push(suspension::page::standing_tag(w, language, standing));
        }
        if !holds.is_empty() {
            stops.push(Section::Table(Box::new(suspension::page::table_of(w, language, holds))));
            let facts = suspension::page::network(w, language, standing, line.as_ref());
            stops.push(Section::Facts(w.suspension_network.to_owned(), Facts { facts }));
        }
    }
    let mut sections = match part.tab.as_str() {
        "documents" => documents(app, actor, &shell, id, &subscriber, may_reveal).await?,
        "numbers" => vec![Section::Table(Box::new(numbers(app, &shell, &subscriber)))],
        "timeline" => {
            let entries: Vec<_> = view::timeline(app, actor, id).await?.into_iter().rev().collect();
            vec![Section::Timeline(w.timeline.to_owned(), Timeline { empty: w.none_yet.to_owned(), moments: moments(w, &entries) })]
        }
        "access" => vec![Section::Table(Box::new(access(app, actor, &shell, id, part).await?))],
        _ => overview(app, actor, &shell, id, &subscriber, may_reveal).await?,
    };
    if !["documents", "numbers", "timeline", "access"].contains(&part.tab.as_str()) {
        sections.extend(stops);
    }
    Ok(DetailPage {
        w,
        title: title(w, &subscriber),
        trail: vec![(w.menu_subscribers.to_owned(), "/persons".to_owned())],
        tags,
        lead: lead(app, &shell, &subscriber),
        buttons,
        tabs: Some(tabs(w, id, &subscriber, &part.tab)),
        revealed: after.tried().and_then(Tried::shown),
        notice: match after {
            After::Refused(problem, _) if problem.field.is_none() => Some(Notice { wrong: Wrong::of(problem, language) }),
            _ => None,
        },
        sections,
        dialogs,
        shell,
    })
}

/// Fields there are to reveal.
fn fields(subscriber: &SubscriberView) -> impl Iterator<Item = &'static str> {
    let (number, phone) = (subscriber.number.is_some(), subscriber.holder.as_ref().is_some_and(|holder| holder.phone.is_some()));
    let holder = subscriber.holder.is_some();
    view::FIELDS.into_iter().filter(move |field| match *field {
        "number" => number,
        "phone" => phone,
        _ => holder,
    })
}

/// The masked number; on the page of a person their masked name.
fn title(w: &Words, subscriber: &SubscriberView) -> String {
    match (&subscriber.number, &subscriber.holder) {
        (Some(number), _) => number.number.clone(),
        (None, Some(holder)) => holder.name.clone(),
        (None, None) => w.subscriber.to_owned(),
    }
}

fn tags(w: &Words, subscriber: &SubscriberView) -> Vec<Tag> {
    let mut tags = Vec::new();
    if let Some(number) = &subscriber.number {
        tags.push(service_tag(w, number.state));
        tags.push(if number.real_name { Tag::new(Tone::Good, w.real_name_yes) } else { Tag::new(Tone::Warning, w.real_name_no) });
    }
    if subscriber.protected {
        tags.push(Tag::new(Tone::Warning, w.subscriber_protected));
    }
    if subscriber.restricted_until.is_some() {
        tags.push(Tag::new(Tone::Bad, w.subscriber_restricted));
    }
    tags
}

fn service_tag(w: &Words, state: ServiceState) -> Tag {
    match state {
        ServiceState::InService => Tag::new(Tone::Good, w.service_in),
        ServiceState::Ended => Tag::new(Tone::Quiet, w.service_ended),
    }
}

fn lead(app: &App, shell: &Shell, subscriber: &SubscriberView) -> String {
    let mut parts = vec![region_name(app, shell.language, &subscriber.region)];
    if let Some(number) = &subscriber.number {
        parts.push(product_words(shell.w, number.product).to_owned());
        parts.push(outlet(shell.w, number));
    }
    parts.retain(|part| !part.is_empty());
    parts.join(" · ")
}

/// `社会渠道 S-2231`
fn outlet(w: &Words, number: &NumberView) -> String {
    let kind = ChannelKind::parse(&number.channel_kind).map_or("", |kind| channel_words(w, kind));
    [kind, number.channel.as_deref().unwrap_or_default()].join(" ").trim().to_owned()
}

fn tabs(w: &Words, id: Uuid, subscriber: &SubscriberView, current: &str) -> Tabs {
    let held = format!("{} {}/{}", w.quota_used, subscriber.slots_used, subscriber.slots_limit);
    let known = ["documents", "numbers", "timeline", "access"];
    let tab = |name: &str, label: &str| Tab {
        label: label.to_owned(),
        href: Address::new(&format!("/persons/{id}"), [("tab", name)]).to_string(),
        current: current == name || (name.is_empty() && !known.contains(&current)),
        count: None,
    };
    Tabs {
        label: w.subscriber.to_owned(),
        tabs: vec![
            tab("", w.tab_overview),
            tab("documents", w.tab_document),
            tab("numbers", &held),
            tab("timeline", w.tab_timeline),
            tab("access", w.tab_access),
        ],
    }
}

/// A masked value, with the way to see it for whoever may.
fn masked(w: &Words, label: &str, text: &str, may_reveal: bool) -> Fact {
    let value = match may_reveal {
        true => Value::Masked(text.to_owned(), "reveal".to_owned(), w.reveal.to_owned()),
        false => Value::Code(text.to_owned()),
    };
    Fact { label: label.to_owned(), value }
}

async fn overview(
    app: &App,
    actor: &Actor,
    shell: &Shell,
    id: Uuid,
    subscriber: &SubscriberView,
    may_reveal: bool,
) -> Result<Vec<Section>> {
    let (w, language) = (shell.w, shell.language);
    let mut sections = Vec::new();
    if let Some(number) = &subscriber.number {
        let mut facts = vec![
            masked(w, w.number, &number.number, may_reveal),
            fact(w.region, region_name(app, language, &number.region)),
            fact(w.product_kind, product_words(w, number.product)),
            fact(w.subscriber_channel, outlet(w, number)),
            fact(w.subscriber_since, moment(&number.since)),
        ];
        facts.extend(number.audited_by.as_ref().map(|by| code_fact(w.auditor, by.clone())));
        sections.push(Section::Facts(w.subscriber_number.to_owned(), Facts { facts }));
    }
    match &subscriber.holder {
        Some(holder) => {
            let mut facts = vec![
                masked(w, w.holder_name, &holder.name, may_reveal),
                fact(w.document_kind, document_words(language, &holder.document_kind)),
                masked(w, w.document_number, &holder.document_number, may_reveal),
                masked(w, w.address, &holder.address, may_reveal),
            ];
            facts.extend(holder.phone.as_ref().map(|phone| masked(w, w.contact_phone, phone, may_reveal)));
            facts.extend(subscriber.restricted_until.as_deref().map(|until| fact(w.subscriber_restricted, moment(until))));
            sections.push(Section::Facts(w.holder.to_owned(), Facts { facts }));
        }
        None => sections.push(Section::Facts(w.holder.to_owned(), Facts { facts: vec![fact(w.status, w.real_name_no)] })),
    }
    sections.push(Section::Table(Box::new(numbers(app, shell, subscriber))));
    if actor.could(app, Action::OrderView) {
        let orders = view::orders(app, actor, id).await?;
        if !orders.is_empty() {
            sections.push(Section::Table(Box::new(order_table(w, &orders, ""))));
        }
    }
    Ok(sections)
}

async fn documents(
    app: &App,
    actor: &Actor,
    shell: &Shell,
    id: Uuid,
    subscriber: &SubscriberView,
    may_reveal: bool,
) -> Result<Vec<Section>> {
    let (w, language) = (shell.w, shell.language);
    let facts = match &subscriber.holder {
        Some(holder) => vec![
            fact(w.document_kind, document_words(language, &holder.document_kind)),
            masked(w, w.document_number, &holder.document_number, may_reveal),
            fact(w.valid_until, holder.valid_until.clone().unwrap_or_else(|| w.valid_for_life.to_owned())),
        ],
        None => vec![fact(w.status, w.real_name_no)],
    };
    let mut sections = vec![Section::Facts(w.tab_document.to_owned(), Facts { facts })];
    if actor.could(app, Action::OrderView) {
        // The pictures lie with the orders they were taken for, under the rights that hold there.
        let orders = view::orders(app, actor, id).await?;
        if !orders.is_empty() {
            sections.push(Section::Table(Box::new(order_table(w, &orders, "?tab=documents"))));
        }
    }
    Ok(sections)
}

fn order_table(w: &'static Words, orders: &[RowView], tab: &str) -> Table {
    Table::within(
        w,
        "person-orders",
        w.menu_orders,
        [w.order_code, w.number, w.outlet, w.status, w.created, w.actions].into_iter().map(Column::new).collect(),
        orders
            .iter()
            .map(|row| Line {
                id: row.id.to_string(),
                cells: vec![
                    Cell::Link(format!("/orders/{}{tab}", row.id), row.code.clone()),
                    Cell::Code(row.number.clone()),
                    Cell::Text(row.channel.clone()),
                    Cell::Tag(state_tag(w, row.state)),
                    Cell::Text(moment(&row.created_at)),
                    Cell::Actions(vec![Act::page(w.open, &row.code, format!("/orders/{}{tab}", row.id))]),
                ],
                current: false,
            })
            .collect(),
        w.none_yet,
    )
}

fn numbers(app: &App, shell: &Shell, subscriber: &SubscriberView) -> Table {
    let w = shell.w;
    Table::within(
        w,
        "person-numbers",
        &format!("{} {}/{}", w.quota_used, subscriber.slots_used, subscriber.slots_limit),
        [w.number, w.status, w.quota_slot, w.product_kind, w.subscriber_channel, w.subscriber_since, w.actions]
            .into_iter()
            .map(Column::new)
            .collect(),
        subscriber
            .numbers
            .iter()
            .map(|number| {
                let href = format!("/persons/{}", number.id);
                Line {
                    id: number.id.to_string(),
                    cells: vec![
                        Cell::Link(href.clone(), number.number.clone()),
                        Cell::Tag(service_tag(w, number.state)),
                        Cell::Text(number.slot.map_or_else(|| "—".to_owned(), |slot| slot.to_string())),
                        Cell::Text(product_words(w, number.product).to_owned()),
                        Cell::Two(outlet(w, number), region_name(app, shell.language, &number.region)),
                        Cell::Text(moment(&number.since)),
                        Cell::Actions(vec![Act::page(w.open, &number.number, href)]),
                    ],
                    current: number.id == subscriber.id,
                }
            })
            .collect(),
        w.none_yet,
    )
}

/// 访问记录: an officer reads who it was and why; everybody else what the person is told.
async fn access(app: &App, actor: &Actor, shell: &Shell, id: Uuid, part: &Part) -> Result<Table> {
    let w = shell.w;
    const SIZE: u32 = 20;
    let audience = if actor.could(app, Action::SubscriberAccess) { Audience::Officer } else { Audience::Person };
    let (found, next) = view::access(app, actor, id, Uuid::try_parse(&part.after).ok(), SIZE as usize).await?;
    let address = Address::new(&format!("/persons/{id}"), [("tab", "access")]);
    let read = part.n.max(1) - 1 + found.len() as u64;
    let columns: Vec<&str> = match audience {
        Audience::Officer => vec![w.time, w.staff_number, w.organisation, w.role, w.what, w.purpose, w.note, w.withheld_until],
        Audience::Person => vec![w.time, w.organisation, w.role, w.what, w.purpose],
    };
    let mut pager = keyset(&address, part.n, SIZE, read, next.is_some(), next.map(|after| after.to_string()));
    pager.sizes = Vec::new();
    let columns = columns.into_iter().map(Column::new).collect();
    let lines = found.iter().map(|look| access_line(app, shell, audience, look)).collect();
    Ok(Table { pager, ..Table::within(w, "access", w.tab_access, columns, lines, w.access_empty) })
}

fn access_line(app: &App, shell: &Shell, audience: Audience, look: &Disclosure) -> Line {
    let (w, language) = (shell.w, shell.language);
    let organisation = match language {
        Language::Chinese => &look.organisation_zh,
        Language::English => &look.organisation_en,
    };
    let posts = look.posts.iter().map(|post| app.matrix.role_name(*post, language)).collect::<Vec<_>>().join("、");
    let (what, detail) = match look.action.as_str() {
        "reveal.field" => (w.reveal, field_of_step(w, &look.what)),
        "image.view" => (w.documents, ImageKind::parse(&look.what).map_or_else(String::new, |kind| image_words(w, kind).to_owned())),
        "subscriber.search" => (w.look_searched, w.look_masked.to_owned()),
        _ => (w.look_opened, w.look_masked.to_owned()),
    };
    let purpose = look.purpose.map_or("—", |purpose| purpose_words(w, purpose)).to_owned();
    let mut cells = vec![Cell::Text(moment(&look.at))];
    if audience == Audience::Officer {
        cells.push(Cell::Code(look.number.clone().unwrap_or_default()));
    }
    cells.extend([Cell::Text(organisation.clone()), Cell::Text(posts), Cell::Two(what.to_owned(), detail), Cell::Text(purpose)]);
    if audience == Audience::Officer {
        cells.push(Cell::Text(look.why.clone().unwrap_or_default()));
        cells.push(Cell::Text(look.withheld_until.as_deref().map_or_else(|| "—".to_owned(), moment)));
    }
    Line { id: look.id.to_string(), cells, current: false }
}

fn protection(w: &'static Words, language: Language, id: Uuid, subscriber: &SubscriberView, after: &After<'_>) -> Dialog {
    let (title, lead) = match subscriber.protected {
        true => (w.subscriber_unprotect, w.subscriber_unprotect_lead),
        false => (w.subscriber_protect, w.subscriber_protect_lead),
    };
    let (problem, typed) = match after {
        After::Refused(problem, typed) => (Some(*problem), *typed),
        _ => (None, ""),
    };
    let words = Input::new("words", w.purpose_words, Kind::Area).required().longest(200).wide().prefix("protect").value(typed);
    let form = FormPart::new(w, format!("/persons/{id}/protection"), w.confirm, vec![words.check(problem, language)])
        .lead(lead)
        .keep("protect", !subscriber.protected);
    let open = problem.is_some_and(|problem| problem.field.is_some());
    Dialog { id: "protect".into(), title: title.to_owned(), open, form }
}

async fn protect(
    State(app): State<App>,
    actor: Actor,
    shell: Shell,
    Path(id): Path<String>,
    Form(asked): Form<Protection>,
) -> Result<Response> {
    let id = subscriber_id(&id)?;
    let typed = asked.words.clone();
    match view::protect(&app, &actor, id, asked).await {
        Ok(()) => Ok(see_other(&format!("/persons/{id}?done=saved"))),
        Err(failure) => {
            let problem = shown(failure)?;
            let screen = detail(&app, &actor, shell, id, &Part::default(), After::Refused(&problem, &typed)).await?;
            Ok(page_refused(&problem, &screen))
        }
    }
}

async fn reveal(State(app): State<App>, actor: Actor, shell: Shell, Path(id): Path<String>, Form(asked): Form<Reveal>) -> Result<Response> {
    let id = subscriber_id(&id)?;
    let tried = Tried::reveal(shell.w, asked.clone(), view::reveal(&app, &actor, id, asked).await)?;
    answer(&app, &actor, shell, id, &tried).await
}

async fn second(State(app): State<App>, actor: Actor, shell: Shell, Path(id): Path<String>, Form(asked): Form<Reveal>) -> Result<Response> {
    let id = subscriber_id(&id)?;
    match Tried::second(asked.clone(), view::ask_second(&app, &actor, id, asked).await)? {
        Ok(gone) => Ok(gone),
        Err(tried) => answer(&app, &actor, shell, id, &tried).await,
    }
}

async fn answer(app: &App, actor: &Actor, shell: Shell, id: Uuid, tried: &Tried) -> Result<Response> {
    let screen = detail(app, actor, shell, id, &Part::default(), After::Tried(tried)).await?;
    Ok(tried.answer(&screen, &format!("/persons/{id}")))
}
