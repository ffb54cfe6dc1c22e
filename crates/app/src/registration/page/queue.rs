//! 审核队列, as a list: what waits for whom, how long, at which risk, and who holds it.

use chuangsha_kernel::{
    id::OrganisationId,
    problem::{Language, Problem},
    role::Action,
    rulebook::ChannelKind,
    time::Timestamp,
};
use futures_util::future::{BoxFuture, join_all};

use super::{
    age, channel_choices, channel_words, city_choices, moment, order_id, orders::found, product_choices, product_words, region_name,
    risk_choices, risk_tag, state_tag, way_words,
};
use crate::{
    App, channels,
    platform::{
        actor::Actor,
        failure::{Failure, Result},
        jobs::code::FIELD_MISSING,
        web::{
            form::{Input, Kind},
            list::{Asked, Fields, Found, Listing, Look, Window},
            parts::{Empty, Tab, Tabs},
            table::{Act, Address, BatchAct, Cell, Column, Line, thousands},
        },
        words::Words,
    },
    registration::{
        audit_desk,
        order::{Check, Product, Risk, State},
        table::Filter,
        view::{self, RowView},
    },
};

/// Counted no further on a tab: a thousand waiting is as much as twenty thousand to who works them off one by one.
const TAB_CAP: i64 = 1_000;

/// 审核队列
pub struct Queue;

/// What the search form asks for, in whichever queue.
pub async fn narrowed(app: &App, asked: &Asked, now: Timestamp) -> Result<Filter> {
    let code = asked.get("outlet").to_owned();
    let outlet = match code.is_empty() {
        true => None,
        // An outlet nobody knows has no orders: the nil id is nobody's.
        false => Some(OrganisationId(app.read(move |tx| channels::id_of_code(tx, &code)).await?.unwrap_or_default())),
    };
    let bounds = view::risk_bounds(app, now)?;
    Ok(Filter {
        region: asked.get("city").to_owned(),
        channel_kind: ChannelKind::parse(asked.get("channel")).map(|kind| kind as i64),
        code: asked.get("code").to_owned(),
        product: Product::parse(asked.get("product")),
        risk: Risk::parse(asked.get("risk")).map(|risk| (risk, bounds)),
        outlet,
        ..Filter::default()
    })
}

/// Which queue is asked for: unclaimed unless told otherwise.
pub fn queue_of(asked: &Asked) -> &str {
    match asked.get("queue") {
        "" => "unclaimed",
        queue => queue,
    }
}

/// One queue of this person, narrowed.
pub fn of_queue(actor: &Actor, queue: &str, narrowed: Filter, now: Timestamp) -> Filter {
    let base = Filter { not_captured_by: Some(actor.organisation), oldest_first: true, ..narrowed };
    match queue {
        "mine" => Filter { states: vec![State::Auditing], held_by: Some(actor.staff), held_at: Some(now), ..base },
        "returned" => Filter { states: vec![State::Returned], ..base },
        "escalated" => Filter { states: vec![State::Escalated], ..base },
        // Who approved it does not look again.
        "recheck" => Filter { recheck: true, not_decided_by: Some(actor.staff), ..base },
        "all" => Filter { states: vec![State::Submitted, State::Auditing, State::Returned, State::Escalated], ..base },
        // Also the ones whose lease ran out; what the networked check has not answered cannot be judged yet.
        _ => audit_desk::unclaimed(actor, base, now),
    }
}

/// The queues this person works on, with their words.
fn queues(look: &Look) -> Vec<(&'static str, &'static str)> {
    let (w, could) = (look.w, |action| look.actor.could(&look.app, action));
    let mut queues = Vec::new();
    if could(Action::OrderClaim) {
        queues.push(("mine", w.queue_mine));
    }
    queues.extend([("unclaimed", w.queue_unclaimed), ("returned", w.queue_returned)]);
    if could(Action::OrderSample) {
        queues.push(("recheck", w.queue_recheck));
    }
    if could(Action::OrderDecide) {
        queues.push(("escalated", w.queue_escalated));
    }
    queues.push(("all", w.queue_all));
    queues
}

/// Refuses who neither audits nor hands out.
pub fn may_open(app: &App, actor: &Actor) -> Result<()> {
    match actor.reach(app, Action::OrderClaim) {
        Err(_) if actor.reach(app, Action::OrderAssign).is_ok() => Ok(()),
        reach => reach.map(drop),
    }
}

impl Listing for Queue {
    fn path(&self) -> &'static str {
        "/audit"
    }

    fn id(&self) -> &'static str {
        "queue"
    }

    fn title(&self, w: &'static Words) -> &'static str {
        w.menu_audit_queue
    }

    fn keys(&self) -> &'static [&'static str] {
        &["queue", "code", "outlet", "channel", "city", "risk", "product"]
    }

    fn columns(&self, w: &'static Words) -> Vec<Column> {
        vec![
            Column::keyed("code", w.order_code),
            Column::keyed("waited", w.waited),
            Column::keyed("risk", w.risk),
            Column::keyed("outlet", w.outlet),
            Column::keyed("held", w.held_by),
            Column::keyed("state", w.status).hidden(),
            Column::keyed("holder", w.holder).hidden(),
            Column::keyed("number", w.number).hidden(),
            Column::keyed("face", w.check_face).hidden().figures(),
            Column::keyed("created", w.created).hidden(),
            Column::new(w.actions),
        ]
    }

    fn fields(&self, look: &Look, asked: &Asked) -> Vec<Input> {
        let w = look.w;
        let inputs = vec![
            Input::new("code", w.order_code, Kind::Line("search")),
            Input::new("outlet", w.outlet, Kind::Line("search")),
            Input::select("channel", w.channel, channel_choices(w)),
            Input::select("city", w.region, city_choices(&look.app, look.language, w, &look.actor.region)),
            Input::select("risk", w.risk, risk_choices(w)),
            Input::select("product", w.product_kind, product_choices(w)),
        ];
        inputs.into_iter().map(|input| asked.fill(input)).collect()
    }

    fn tabs<'a>(&'a self, look: &'a Look, asked: &'a Asked) -> BoxFuture<'a, Result<Option<Tabs>>> {
        Box::pin(async move {
            let now = look.app.clock.now();
            // Whole queues: how much waits behind a tab does not depend on what is looked for in this one.
            let counts = queues(look).into_iter().map(|(queue, label)| async move {
                let whole = of_queue(&look.actor, queue, Filter::default(), now);
                view::count(&look.app, &look.actor, whole, TAB_CAP).await.map(|count| (queue, label, count))
            });
            let start = Address::new(self.path(), asked.address(self).pairs());
            let mut tabs = Vec::new();
            for found in join_all(counts).await {
                let (queue, label, count) = found?;
                let capped = count >= TAB_CAP;
                let label = if capped { format!("{label} {}+", thousands(TAB_CAP.unsigned_abs())) } else { label.to_owned() };
                let href = start.with("queue", queue).to_string();
                let count = (!capped).then_some(count.unsigned_abs());
                tabs.push(Tab { label, href, current: queue_of(asked) == queue, count });
            }
            Ok(Some(Tabs { label: look.w.queues.into(), tabs }))
        })
    }

    fn rows<'a>(&'a self, look: &'a Look, asked: &'a Asked, window: Window) -> BoxFuture<'a, Result<Found>> {
        Box::pin(async move {
            may_open(&look.app, &look.actor)?;
            let now = look.app.clock.now();
            let due_ms = look.app.clock_rule("registration.audit_clock", now)?.value;
            let filter = Filter {
                after: window.after.as_deref().and_then(super::read_cursor),
                limit: i64::from(window.limit),
                uncounted: !window.count,
                ..of_queue(&look.actor, queue_of(asked), narrowed(&look.app, asked, now).await?, now)
            };
            let address = asked.address(self);
            let page = view::list(&look.app, &look.actor, filter).await?;
            Ok(found(page, |row| line(look, &address, queue_of(asked), row, due_ms)))
        })
    }

    fn empty(&self, w: &'static Words, _asked: &Asked) -> Empty {
        Empty { title: w.queue_empty.into(), hint: w.queue_empty_hint.into(), action: None }
    }

    fn acts(&self, look: &Look) -> Vec<BatchAct> {
        let (w, could) = (look.w, |action| look.actor.could(&look.app, action));
        let mut acts = Vec::new();
        if could(Action::OrderClaim) {
            acts.push(BatchAct::new("claim", w.claim));
            acts.push(BatchAct::new("release", w.release));
        }
        if could(Action::OrderAssign) {
            let to = Input::text("assignee", w.assignee).longest(20).prefix("b");
            acts.push(BatchAct { fields: vec![to], ..BatchAct::new("assign", w.assign) });
        }
        acts
    }

    fn ready(&self, _look: &Look, act: &str, form: &Fields) -> Result<()> {
        match act {
            "assign" if form.get("assignee").is_none_or(|number| number.trim().is_empty()) => {
                Err(Problem::new(&FIELD_MISSING).field("assignee").into())
            }
            _ => Ok(()),
        }
    }

    fn apply<'a>(&'a self, look: &'a Look, act: &'a str, form: &'a Fields, id: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let (app, actor, id) = (&look.app, &look.actor, order_id(id)?);
            match act {
                "claim" => audit_desk::claim(app, actor, id).await.map(drop),
                "release" => match view::find(app, actor, id).await?.state {
                    // Back in the queue already.
                    State::Submitted => Ok(()),
                    _ => audit_desk::release(app, actor, id).await.map(drop),
                },
                "assign" => audit_desk::assign(app, actor, id, form.get("assignee").map_or("", |number| number.trim())).await.map(drop),
                _ => Err(Failure::from(Problem::new(&crate::platform::failure::code::NOT_FOUND))),
            }
        })
    }

    fn page_of(&self, id: &str) -> Option<String> {
        Some(format!("/orders/{id}"))
    }
}

fn line(look: &Look, address: &Address, queue: &str, row: &RowView, due_ms: i64) -> Line {
    let (w, could) = (look.w, |action| look.actor.could(&look.app, action));
    let kind = ChannelKind::parse(&row.channel_kind).map_or("", |kind| channel_words(w, kind));
    let waiting = matches!(row.state, State::Submitted | State::Auditing) && !row.held && row.check != Check::Waiting;
    let pane = address.with("order", row.id).to_string();
    let plain = format!("/orders/{}", row.id);
    let second = (row.state == State::Escalated && could(Action::OrderDecide)) || (queue == "recheck" && could(Action::OrderSample));
    let act = if row.held_by_me {
        Act::page(w.continue_case, &row.code, &pane).primary()
    } else if waiting && could(Action::OrderClaim) {
        Act::step(w.claim, &row.code, step(address, &row.id.to_string(), "claim")).primary()
    } else if second {
        Act::page(w.open, &row.code, &pane).primary()
    } else {
        Act::page(w.open, &row.code, &plain)
    };
    let dash = || "—".to_owned();
    Line {
        id: row.id.to_string(),
        cells: vec![
            Cell::LinkTwo(
                if row.held_by_me || second { pane } else { plain },
                row.code.clone(),
                format!("{} · {}", product_words(w, row.product), way_words(w, row.mode, row.reregistration)),
            ),
            age(w, row.waited_ms, due_ms, row.overdue),
            Cell::Tag(risk_tag(w, row.risk)),
            Cell::Two(row.channel.clone(), format!("{kind} · {}", region_name(&look.app, look.language, &row.region))),
            match (&row.held_by, row.held_by_me) {
                (_, true) => Cell::Text(w.held_by_me.to_owned()),
                (Some(number), _) => Cell::Code(number.clone()),
                (None, _) => Cell::Text(dash()),
            },
            Cell::Tag(state_tag(w, row.state)),
            Cell::Text(if row.name.is_empty() { dash() } else { row.name.clone() }),
            Cell::Code(row.number.clone()),
            Cell::Number(row.face_score.map_or_else(dash, |score| format!("{}.{}", score / 10, score % 10))),
            Cell::Text(moment(&row.created_at)),
            Cell::Actions(vec![act]),
        ],
        current: false,
    }
}

/// Where a step of a case is posted: the list's whole state goes along, so that the next page is the same list.
pub fn step(address: &Address, id: &str, step: &str) -> String {
    Address::new(&format!("/audit/{id}/{step}"), address.pairs()).to_string()
}

/// Where the next case of a list is claimed.
pub fn step_next(address: &Address) -> String {
    Address::new("/audit/next", address.pairs()).to_string()
}

/// In which language a sentence is said, for rules that carry both.
pub const fn said<'a>(language: Language, zh: &'a str, en: &'a str) -> &'a str {
    match language {
        Language::Chinese => zh,
        Language::English => en,
    }
}
