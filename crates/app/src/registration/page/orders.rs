//! 登记单: the list, and one order with what is known, what was seen, what happened and who looked.

use std::collections::BTreeMap;

use axum::{
    Form, Router,
    extract::{Path, Query, State as Of},
    http::{Uri, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use chuangsha_kernel::{id::OrderId, problem::Problem, role::Action, rulebook::ChannelKind, time::Timestamp};
use futures_util::future::BoxFuture;
use zeroize::Zeroizing;

use super::{
    age, channel_choices, channel_words, city_choices, cursor_text, customer_words, document_words, image_words, moment, order_id,
    party_words, product_words, read_cursor, reason_words, region_name, state_choices, state_tag, state_words, way_words,
};
use crate::{
    App,
    platform::{
        actor::Actor,
        audit::query::Seen,
        failure::{Failure, Result},
        reveal::{self, Reveal, page::Tried},
        second,
        web::{
            form::{Choice, Input, Kind, Notice, Wrong},
            frame::shown,
            list::{self, Asked, Found, Listing, Look, Window},
            page, page_refused,
            pages::{Button, DetailPage, Dialog, FormPart, Picture, Section},
            parts::{Fact, Facts, Moment, Tab, Tabs, Tag, Timeline, Tone, Value, code, fact},
            see_other,
            shell::Shell,
            table::{Act, Address, Cell, Column, Line, Table, Tool},
        },
        words::{Words, fill, said},
    },
    registration::{
        Refusal, audit_desk, desk, offline,
        order::{ImageKind, State},
        picture,
        table::Filter,
        view::{self, OrderView, RowView},
    },
};

/// Routes of this file.
pub fn pages() -> Router<App> {
    Router::new()
        .route("/orders", get(list))
        .route("/orders/{id}", get(order))
        .route("/orders/{id}/images/{kind}", get(image))
        .route("/orders/{id}/images/second", get(back_to_images).post(second_for_images))
        .route("/orders/{id}/reveal", get(back).post(reveal))
        .route("/orders/{id}/second", get(back).post(second))
        .route("/orders/{id}/decision", post(decide))
        .route("/orders/{id}/recheck", post(recheck))
        .route("/orders/{id}/delivery", post(deliver))
}

/// 登记单, as a list.
pub struct Orders;

impl Listing for Orders {
    fn path(&self) -> &'static str {
        "/orders"
    }

    fn id(&self) -> &'static str {
        "orders"
    }

    fn title(&self, w: &'static Words) -> &'static str {
        w.menu_orders
    }

    fn lead(&self, w: &'static Words) -> &'static str {
        w.orders_lead
    }

    fn keys(&self) -> &'static [&'static str] {
        &["code", "state", "channel", "city", "from", "until"]
    }

    fn columns(&self, w: &'static Words) -> Vec<Column> {
        vec![
            Column::keyed("code", w.order_code),
            Column::keyed("holder", w.holder),
            Column::keyed("number", w.number),
            Column::keyed("outlet", w.outlet),
            Column::keyed("state", w.status),
            Column::keyed("waited", w.waited),
            Column::keyed("created", w.created).moment(),
            Column::keyed("face", w.check_face).hidden(),
            Column::new(w.actions),
        ]
    }

    fn fields(&self, look: &Look, asked: &Asked) -> Vec<Input> {
        let w = look.w;
        vec![
            Input::new("code", w.order_code, Kind::Line("search")),
            Input::select("state", w.status, state_choices(w)),
            Input::select("channel", w.channel, channel_choices(w)),
            Input::select("city", w.region, city_choices(&look.app, look.language, w, &look.actor.region)),
            Input::new("from", w.from, Kind::Line("date")),
            Input::new("until", w.until, Kind::Line("date")),
        ]
        .into_iter()
        .map(|input| asked.fill(input))
        .collect()
    }

    fn rows<'a>(&'a self, look: &'a Look, asked: &'a Asked, window: Window) -> BoxFuture<'a, Result<Found>> {
        Box::pin(async move {
            look.actor.reach(&look.app, Action::OrderView)?;
            let due_ms = look.app.clock_rule("registration.audit_clock", look.app.clock.now())?.value;
            let page = view::list(&look.app, &look.actor, filter_of(asked, &window)).await?;
            Ok(found(page, |row| line(look, row, due_ms)))
        })
    }

    fn clear(&self) -> &'static [&'static str] {
        &["holder", "number"]
    }

    fn rows_clear<'a>(&'a self, look: &'a Look, asked: &'a Asked, window: Window) -> BoxFuture<'a, Result<Found>> {
        Box::pin(async move {
            look.actor.reach(&look.app, Action::OrderView)?;
            let due_ms = look.app.clock_rule("registration.audit_clock", look.app.clock.now())?.value;
            let page = view::list_clear(&look.app, &look.actor, filter_of(asked, &window)).await?;
            Ok(found(page, |row| line(look, row, due_ms)))
        })
    }

    fn tools(&self, look: &Look) -> Vec<Tool> {
        if look.actor.could(&look.app, Action::OrderReserve) { vec![("/capture".into(), look.w.capture_new.into())] } else { Vec::new() }
    }
}

fn filter_of(asked: &Asked, window: &Window) -> Filter {
    Filter {
        states: State::parse(asked.get("state")).into_iter().collect(),
        region: asked.get("city").to_owned(),
        channel_kind: ChannelKind::parse(asked.get("channel")).map(|kind| kind as i64),
        code: asked.get("code").to_owned(),
        from: asked.day("from").map(Timestamp::start_of),
        before: asked.day("until").and_then(|day| day.tomorrow().ok()).map(Timestamp::start_of),
        after: window.after.as_deref().and_then(read_cursor),
        limit: i64::from(window.limit),
        uncounted: !window.count,
        ..Filter::default()
    }
}

/// A page of orders as a list shows it.
pub fn found(page: view::Page, line: impl Fn(&RowView) -> Line) -> Found {
    Found {
        lines: page.rows.iter().map(line).collect(),
        total: Some((page.total.max(0).unsigned_abs(), page.total >= view::COUNT_CAP)),
        next: page.next.map(cursor_text),
    }
}

async fn list(Of(app): Of<App>, actor: Actor, shell: Shell, uri: Uri) -> Result<Response> {
    list::show(&Orders, &app, &actor, shell, &uri).await
}

fn line(look: &Look, row: &RowView, due_ms: i64) -> Line {
    let w = look.w;
    let kind = ChannelKind::parse(&row.channel_kind).map_or("", |kind| channel_words(w, kind));
    let waiting = matches!(row.state, State::Submitted | State::Auditing | State::Escalated);
    Line {
        id: row.id.to_string(),
        cells: vec![
            Cell::LinkTwo(
                format!("/orders/{}", row.id),
                row.code.clone(),
                format!("{} · {}", product_words(w, row.product), way_words(w, row.mode, row.reregistration)),
            ),
            Cell::Text(if row.name.is_empty() { "—".to_owned() } else { row.name.clone() }),
            Cell::Code(row.number.clone()),
            Cell::Two(row.channel.clone(), format!("{kind} · {}", region_name(&look.app, look.language, &row.region))),
            Cell::Tag(state_tag(w, row.state)),
            match age(w, row.waited_ms, due_ms, row.overdue) {
                Cell::Age(text, tone, _) if waiting => Cell::Age(text, tone, row.submitted_at.as_deref().map(moment).unwrap_or_default()),
                _ => Cell::Text("—".to_owned()),
            },
            Cell::Text(moment(&row.created_at)),
            Cell::Number(row.face_score.map_or("—".to_owned(), |score| format!("{}.{}", score / 10, score % 10))),
            Cell::Actions(vec![Act::page(w.open, &row.code, format!("/orders/{}", row.id))]),
        ],
        current: false,
    }
}

/// Which part of an order is shown.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Part {
    tab: String,
}

async fn order(Of(app): Of<App>, actor: Actor, shell: Shell, Path(id): Path<String>, Query(part): Query<Part>) -> Result<Response> {
    let id = order_id(&id)?;
    Ok(page(&detail(&app, &actor, shell, id, &part.tab, After::Nothing).await?))
}

/// A passkey asserted again leads back to a form's own address: the page it stands on is meant.
async fn back(Path(id): Path<String>) -> Result<Response> {
    Ok(see_other(&format!("/orders/{}", order_id(&id)?)))
}

/// What was just tried on the page.
enum After<'a> {
    Nothing,
    /// A step was refused.
    Refused(&'a Problem),
    /// A reveal was asked for.
    Tried(&'a Tried),
    /// A second person was asked for, for the pictures, and that was refused.
    Pictures(&'a Tried),
}

impl After<'_> {
    const fn tried(&self) -> Option<&Tried> {
        if let Self::Tried(tried) = self { Some(tried) } else { None }
    }
}

async fn detail(app: &App, actor: &Actor, shell: Shell, id: OrderId, tab: &str, after: After<'_>) -> Result<DetailPage> {
    let (w, language) = (shell.w, shell.language);
    let order = view::find(app, actor, id).await?;
    let entries = view::timeline(app, actor, id).await?;
    let looks: Vec<&Seen> = entries.iter().filter(|entry| is_look(&entry.action)).collect();
    let may_see = actor.could(app, Action::ImageView);
    let may_reveal = actor.could(app, Action::RevealField) && !order.parties.is_empty();
    let link = |tab: &str| Address::new(&format!("/orders/{id}"), [("tab", tab)]).to_string();
    let tab_of = |name: &str, label: &str, count: Option<usize>| Tab {
        label: label.to_owned(),
        href: link(name),
        current: tab == name,
        count: count.map(|count| count as u64),
    };
    let tabs = Tabs {
        label: w.order.to_owned(),
        tabs: vec![
            tab_of("", w.tab_overview, None),
            tab_of("documents", w.tab_document, Some(order.images.len())),
            tab_of("timeline", w.tab_timeline, Some(entries.len() - looks.len())),
            tab_of("access", w.tab_access, Some(looks.len())),
        ],
    };
    let mut dialogs = steps(app, actor, w, language, id, &order);
    let mut buttons = Vec::new();
    if order.captured_by_us
        && matches!(order.state, State::Draft | State::Reserved | State::Captured | State::Returned)
        && actor.could(app, Action::OrderCapture)
    {
        buttons.push(Button::Page(format!("/capture/{id}"), w.step_keep.to_owned()));
    }
    match &order.lease {
        Some(lease) if lease.mine => buttons.push(Button::Page(format!("/audit?order={id}"), w.continue_case.to_owned())),
        None if !order.captured_by_us
            && matches!(order.state, State::Submitted | State::Auditing)
            && actor.could(app, Action::OrderClaim) =>
        {
            buttons.push(Button::Step(format!("/audit/{id}/claim"), w.claim.to_owned()));
        }
        _ => {}
    }
    buttons.extend(dialogs.iter().map(|dialog| Button::Dialog(dialog.id.clone(), dialog.title.clone())));
    if may_reveal {
        buttons.push(Button::Dialog("reveal".into(), w.reveal.to_owned()));
        let budget = view::budget(app, actor, order.region.clone()).await?;
        dialogs.push(reveal::page::dialog(reveal::page::Form {
            w,
            language,
            page: &format!("/orders/{id}"),
            parties: order.parties.iter().map(|party| Choice::new(&party.role, party_words(w, &party.role))).collect(),
            fields: view::FIELDS.into_iter().map(|field| Choice::new(field, second::page::field_words(w, field))).collect(),
            budget: &budget,
            once: app.ids.next(app.clock.now()),
            refused: after.tried().and_then(Tried::refused),
        }));
    }
    let sections = match tab {
        "documents" => {
            let waits = if may_see && !order.images.is_empty() { picture::waits_for(app, actor, id).await? } else { None };
            let mut sections = vec![documents(w, id, &order, may_see && waits.is_none())];
            if let Some(cause) = waits {
                let tried = if let After::Pictures(tried) = after { tried.refused() } else { None };
                let dialog = reveal::page::for_pictures(w, language, &format!("/orders/{id}/images/second"), tried);
                buttons.push(Button::Dialog(dialog.id.clone(), dialog.title.clone()));
                dialogs.push(dialog);
                let facts = vec![fact(w.second_cause, said(language, cause.words())), fact(w.second_pictures, w.second_pictures_lead)];
                sections.insert(0, Section::Facts(w.second_request.to_owned(), Facts { facts }));
            }
            sections
        }
        "timeline" => {
            let steps: Vec<Seen> = entries.iter().filter(|entry| !is_look(&entry.action)).cloned().collect();
            vec![Section::Timeline(w.timeline.to_owned(), Timeline { empty: w.none_yet.to_owned(), moments: moments(w, &steps) })]
        }
        "access" => vec![Section::Table(Box::new(access(w, &looks)))],
        _ => overview(app, actor, &shell, id, &order, may_reveal).await?,
    };
    Ok(DetailPage {
        w,
        title: order.code.clone(),
        trail: vec![(w.menu_orders.to_owned(), "/orders".to_owned())],
        tags: vec![state_tag(w, order.state)],
        lead: [
            product_words(w, order.product),
            way_words(w, order.mode, order.reregistration),
            order.channel.as_str(),
            region_name(app, language, &order.region).as_str(),
        ]
        .join(" · "),
        buttons,
        tabs: Some(tabs),
        revealed: after.tried().and_then(Tried::shown),
        notice: if let After::Refused(problem) = after { Some(Notice { wrong: Wrong::of(problem, language) }) } else { None },
        sections,
        dialogs,
        shell,
    })
}

/// Entries that look without changing anything: the access record.
fn is_look(action: &str) -> bool {
    action.starts_with("reveal.") || action.starts_with("image.view")
}

async fn overview(app: &App, actor: &Actor, shell: &Shell, id: OrderId, order: &OrderView, may_reveal: bool) -> Result<Vec<Section>> {
    let (w, language) = (shell.w, shell.language);
    let mut about = vec![
        code(w.number, order.number.clone()),
        fact(w.customer, customer_words(w, order.customer)),
        fact(w.outlet, order.channel.clone()),
        fact(w.region, region_name(app, language, &order.region)),
        fact(w.created, moment(&order.created_at)),
        fact(w.submitted, order.submitted_at.as_deref().map(moment).unwrap_or_default()),
        fact(w.updated, moment(&order.updated_at)),
    ];
    if let Some(offline) = &order.offline {
        about.push(fact(w.offline_device_time, moment(&offline.captured_at)));
        about.push(fact(w.offline_server_time, moment(&offline.received_at)));
        if offline.clock_wrong {
            let off = format!("{:+} s", offline.clock_off_ms / 1000);
            about.push(Fact {
                label: w.offline_capture.to_owned(),
                value: Value::Tag(Tag::new(Tone::Warning, fill(w.offline_clock_off, off))),
            });
        }
    }
    if let Some(lease) = &order.lease {
        about.push(code(w.held_by, lease.number.clone()));
    }
    if let Some(reason) = order.reason {
        about.push(fact(w.reason, reason_words(w, reason)));
    }
    let mut sections = vec![Section::Facts(w.order.to_owned(), Facts { facts: about })];
    for party in &order.parties {
        let value = |text: &str| match may_reveal {
            true => Value::Masked(text.to_owned(), "reveal".to_owned(), w.reveal.to_owned()),
            false => Value::Code(text.to_owned()),
        };
        let mut facts = vec![
            Fact { label: w.holder_name.to_owned(), value: value(&party.name) },
            fact(w.document_kind, document_words(language, &party.document_kind)),
            Fact { label: w.document_number.to_owned(), value: value(&party.document_number) },
            Fact { label: w.address.to_owned(), value: value(&party.address) },
            fact(w.valid_until, party.valid_until.clone().unwrap_or_default()),
        ];
        if let Some(phone) = &party.phone {
            facts.push(Fact { label: w.contact_phone.to_owned(), value: value(phone) });
        }
        sections.push(Section::Facts(party_words(w, &party.role).to_owned(), Facts { facts }));
    }
    if order.submitted_at.is_some() {
        sections.push(Section::Checks(
            w.checks.to_owned(),
            super::checks::checks(app, w, language, order)?.0.into_iter().map(|one| one.check).collect(),
        ));
        let same = view::same_person(app, actor, id).await?;
        if !same.is_empty() {
            let table = Table::within(
                w,
                "same",
                w.same_person,
                [w.order_code, w.number, w.outlet, w.status, w.created].into_iter().map(Column::new).collect(),
                same.iter()
                    .map(|row| Line {
                        id: row.id.to_string(),
                        cells: vec![
                            Cell::Link(format!("/orders/{}", row.id), row.code.clone()),
                            Cell::Code(row.number.clone()),
                            Cell::Text(row.channel.clone()),
                            Cell::Tag(state_tag(w, row.state)),
                            Cell::Text(moment(&row.created_at)),
                        ],
                        current: false,
                    })
                    .collect(),
                w.none_yet,
            );
            sections.push(Section::Table(Box::new(table)));
        }
    }
    Ok(sections)
}

fn documents(w: &'static Words, id: OrderId, order: &OrderView, may_see: bool) -> Section {
    if !may_see || order.images.is_empty() {
        // Without the right to look, the chip of the hash says that they are there.
        let facts = order
            .images
            .iter()
            .map(|image| code(image_words(w, image.kind), image.sha256.get(..16).unwrap_or_default()))
            .collect::<Vec<_>>();
        let facts = if facts.is_empty() { vec![fact(w.documents, w.no_pictures)] } else { facts };
        return Section::Facts(w.documents.to_owned(), Facts { facts });
    }
    let pictures = order
        .images
        .iter()
        .map(|image| Picture {
            label: image_words(w, image.kind).to_owned(),
            href: format!("/orders/{id}/images/{}", image.kind.as_str()),
            note: format!("{}…", image.sha256.get(..12).unwrap_or_default()),
        })
        .collect();
    Section::Pictures(w.documents.to_owned(), pictures)
}

/// The steps of a case as its timeline, newest first.
pub fn moments(w: &'static Words, entries: &[Seen]) -> Vec<Moment> {
    let mut moments: Vec<Moment> = entries.iter().map(|entry| moment_of(w, entry)).collect();
    moments.reverse();
    moments
}

fn moment_of(w: &'static Words, entry: &Seen) -> Moment {
    let to = entry.step.rsplit('>').next().and_then(State::parse).filter(|_| entry.step.contains('>'));
    let picture = ImageKind::parse(&entry.step);
    let (title, tone) = match (to, picture) {
        // The answer of the authority changes what is known, not where the order stands.
        _ if entry.action == "order.verify" => (w.check_network.to_owned(), Tone::Active),
        (None, _) if entry.step == offline::STEP => (w.offline_capture.to_owned(), Tone::Active),
        (Some(state), _) => (state_words(w, state).to_owned(), tone_of(state)),
        (None, Some(kind)) => (image_words(w, kind).to_owned(), Tone::Quiet),
        _ => (format!("{} {}", entry.action, entry.step), Tone::Quiet),
    };
    let note = [entry.why.as_str(), entry.article.as_str()].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" · ");
    let by = if entry.staff.is_some() { entry.number.clone() } else { w.system.to_owned() };
    Moment { at: entry.at(), title, by, note, tone }
}

fn tone_of(state: State) -> Tone {
    match state {
        State::Approved | State::Activated => Tone::Good,
        State::Rejected => Tone::Bad,
        State::Returned | State::Escalated | State::Expired => Tone::Warning,
        _ => Tone::Active,
    }
}

/// 访问记录: who looked at what, and why.
fn access(w: &'static Words, looks: &[&Seen]) -> Table {
    Table::within(
        w,
        "access",
        w.tab_access,
        [w.time, w.staff_number, w.what, w.field, w.note, w.from_network, w.audit_sequence].into_iter().map(Column::new).collect(),
        looks
            .iter()
            .rev()
            .map(|look| Line {
                id: look.id.to_string(),
                cells: vec![
                    Cell::Text(look.at()),
                    Cell::Code(look.number.clone()),
                    Cell::Text(if look.action.starts_with("reveal.") { w.reveal } else { w.documents }.to_owned()),
                    Cell::Text(field_of_step(w, &look.step)),
                    Cell::Text(look.why.clone()),
                    Cell::Code(look.from.clone()),
                    Cell::Number(look.seq.map_or("—".to_owned(), |seq| seq.to_string())),
                ],
                current: false,
            })
            .collect(),
        w.access_empty,
    )
}

/// `holder.document_number` or `live_photo` in words.
pub fn field_of_step(w: &'static Words, step: &str) -> String {
    if let Some(kind) = ImageKind::parse(step) {
        return image_words(w, kind).to_owned();
    }
    match step.split_once('.') {
        Some((role, field)) => format!("{} · {}", party_words(w, role), second::page::field_words(w, field)),
        None => step.to_owned(),
    }
}

/// Dialogs of the steps this person may take on the order as it stands.
fn steps(
    app: &App,
    actor: &Actor,
    w: &'static Words,
    language: chuangsha_kernel::problem::Language,
    id: OrderId,
    order: &OrderView,
) -> Vec<Dialog> {
    let mut dialogs = Vec::new();
    let words = |prefix: &'static str| Input::new("words", w.note, Kind::Area).longest(200).wide().prefix(prefix);
    let dialog = |name: &str, title: &str, form: FormPart| Dialog {
        id: name.to_owned(),
        title: title.to_owned(),
        open: false,
        form: form.keep("version", order.version),
    };
    if order.state == State::Escalated && !order.captured_by_us && actor.could(app, Action::OrderDecide) {
        let choices = vec![Choice::new("approve", w.vote_approve), Choice::new("reject", w.vote_reject)];
        let fields = vec![Input::new("vote", w.vote, Kind::Radio(choices)).required().wide().prefix("vote"), words("vote").required()];
        let lead = if order.first_vote { format!("{} {}", w.vote_lead, w.first_vote_given) } else { w.vote_lead.to_owned() };
        dialogs.push(dialog("vote", w.vote, FormPart::new(w, format!("/orders/{id}/decision"), w.confirm, fields).lead(lead)));
    }
    if order.state == State::DeliveryPending && order.captured_by_us && actor.could(app, Action::OrderDeliver) {
        let kinds = view::document_kinds().map(|kind| Choice::new(kind.as_str(), document_words(language, kind.as_str()))).collect();
        let fields = vec![
            Input::select("document_kind", w.document_kind, kinds).required().value("resident_id").prefix("deliver"),
            Input::text("document_number", w.document_number).required().longest(40).prefix("deliver"),
        ];
        dialogs.push(dialog(
            "deliver",
            w.deliver,
            FormPart::new(w, format!("/orders/{id}/delivery"), w.deliver, fields).lead(w.deliver_lead),
        ));
    }
    if order.recheck_due && !order.decided_by_me && !order.captured_by_us && actor.could(app, Action::OrderSample) {
        let choices = vec![Choice::new("sound", w.recheck_sound), Choice::new("unsound", w.recheck_unsound)];
        let fields = vec![Input::new("finding", w.recheck, Kind::Radio(choices)).required().wide().prefix("recheck"), words("recheck")];
        dialogs.push(dialog(
            "recheck",
            w.recheck,
            FormPart::new(w, format!("/orders/{id}/recheck"), w.confirm, fields).lead(w.recheck_lead),
        ));
    }
    dialogs
}

async fn reveal(Of(app): Of<App>, actor: Actor, shell: Shell, Path(id): Path<String>, Form(asked): Form<Reveal>) -> Result<Response> {
    let id = order_id(&id)?;
    let tried = Tried::reveal(shell.w, asked.clone(), view::reveal(&app, &actor, id, asked).await)?;
    answer(&app, &actor, shell, id, &tried).await
}

async fn second(Of(app): Of<App>, actor: Actor, shell: Shell, Path(id): Path<String>, Form(asked): Form<Reveal>) -> Result<Response> {
    let id = order_id(&id)?;
    match Tried::second(asked.clone(), view::ask_second(&app, &actor, id, asked).await)? {
        Ok(gone) => Ok(gone),
        Err(tried) => answer(&app, &actor, shell, id, &tried).await,
    }
}

async fn back_to_images(Path(id): Path<String>) -> Result<Response> {
    Ok(see_other(&format!("/orders/{}?tab=documents", order_id(&id)?)))
}

async fn second_for_images(
    Of(app): Of<App>,
    actor: Actor,
    shell: Shell,
    Path(id): Path<String>,
    Form(asked): Form<Reveal>,
) -> Result<Response> {
    let id = order_id(&id)?;
    match Tried::second(asked.clone(), picture::ask_second(&app, &actor, id, asked).await)? {
        Ok(gone) => Ok(gone),
        Err(tried) => {
            let screen = detail(&app, &actor, shell, id, "documents", After::Pictures(&tried)).await?;
            Ok(tried.answer(&screen, &format!("/orders/{id}")))
        }
    }
}

async fn answer(app: &App, actor: &Actor, shell: Shell, id: OrderId, tried: &Tried) -> Result<Response> {
    let screen = detail(app, actor, shell, id, "", After::Tried(tried)).await?;
    Ok(tried.answer(&screen, &format!("/orders/{id}")))
}

async fn refused(app: &App, actor: &Actor, shell: Shell, id: OrderId, failure: Failure) -> Result<Response> {
    let problem = shown(failure)?;
    let screen = detail(app, actor, shell, id, "", After::Refused(&problem)).await?;
    Ok(page_refused(&problem, &screen))
}

/// `GET /orders/{id}/images/{kind}`: one picture, to whoever may look at pictures; looking is recorded before anything is shown.
async fn image(Of(app): Of<App>, actor: Actor, Path((id, kind)): Path<(String, String)>) -> Result<Response> {
    let kind = ImageKind::parse(&kind).ok_or(Refusal::NotFound)?;
    let bytes = picture::show(&app, &actor, order_id(&id)?, kind).await?;
    let headers = [(header::CONTENT_TYPE, "image/jpeg"), (header::CONTENT_DISPOSITION, "inline")];
    Ok((headers, bytes).into_response())
}

/// A dialog's answers.
type Answers = BTreeMap<String, String>;

fn text(answers: &Answers, name: &str) -> String {
    answers.get(name).cloned().unwrap_or_default()
}

fn version(answers: &Answers) -> i64 {
    text(answers, "version").parse().unwrap_or(0)
}

async fn decide(Of(app): Of<App>, actor: Actor, shell: Shell, Path(id): Path<String>, Form(answers): Form<Answers>) -> Result<Response> {
    let id = order_id(&id)?;
    let vote = text(&answers, "vote");
    if !matches!(vote.as_str(), "approve" | "reject") {
        return refused(&app, &actor, shell, id, Refusal::FieldInvalid { field: "vote" }.into()).await;
    }
    match audit_desk::decide(&app, &actor, id, version(&answers), vote == "approve", text(&answers, "words")).await {
        Ok(_) => Ok(see_other(&format!("/orders/{id}?done=voted"))),
        Err(failure) => refused(&app, &actor, shell, id, failure).await,
    }
}

async fn recheck(Of(app): Of<App>, actor: Actor, shell: Shell, Path(id): Path<String>, Form(answers): Form<Answers>) -> Result<Response> {
    let id = order_id(&id)?;
    let finding = text(&answers, "finding");
    if !matches!(finding.as_str(), "sound" | "unsound") {
        return refused(&app, &actor, shell, id, Refusal::FieldInvalid { field: "finding" }.into()).await;
    }
    match audit_desk::recheck(&app, &actor, id, finding == "sound", text(&answers, "words")).await {
        Ok(_) => Ok(see_other(&format!("/orders/{id}?done=checked"))),
        Err(failure) => refused(&app, &actor, shell, id, failure).await,
    }
}

async fn deliver(Of(app): Of<App>, actor: Actor, shell: Shell, Path(id): Path<String>, Form(answers): Form<Answers>) -> Result<Response> {
    let id = order_id(&id)?;
    let input = desk::Delivery {
        version: version(&answers),
        document_kind: text(&answers, "document_kind"),
        document_number: Zeroizing::new(text(&answers, "document_number")),
    };
    match desk::deliver(&app, &actor, id, input).await {
        Ok(_) => Ok(see_other(&format!("/orders/{id}?done=delivered"))),
        Err(failure) => refused(&app, &actor, shell, id, failure).await,
    }
}
