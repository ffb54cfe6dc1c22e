//! 预警: what somebody should look at now, each from the record itself and with the list behind it. Who may not open a list is not told of it.

use chuangsha_kernel::{role::Action, time::Timestamp};
use chuangsha_store::outbox;

use crate::{
    App, channels,
    platform::{
        actor::Actor,
        audit::query,
        failure::Result,
        network::http::TOPICS,
        web::{
            list::Look,
            parts::{Tag, Tone},
            table::{Address, thousands},
        },
        words::fill,
    },
    registration::{order::State, table::Filter, view},
    resources::watch::{self, Watch},
    suspension,
};

/// One thing to look at.
pub struct Alert {
    /// How pressing it is.
    pub tag: Tag,
    /// What it is, with its figure.
    pub text: String,
    /// The list behind it.
    pub href: String,
}

/// Where the overview looks.
pub struct Where<'a> {
    /// City as asked for, or empty.
    pub city: &'a str,
    /// Kind of outlet as asked for, or empty.
    pub channel: &'a str,
}

/// Everything that calls for somebody, the most pressing first.
///
/// # Errors
/// The record fails.
pub async fn alerts(look: &Look, place: Where<'_>) -> Result<Vec<Alert>> {
    let (app, actor, w) = (&look.app, &look.actor, look.w);
    let could = |action| actor.could(app, action);
    let now = app.clock.now();
    let mut alerts = Vec::new();
    let mut add = |tone: Tone, kind: &str, text: &str, count: i64, href: String| {
        if count > 0 {
            let text = fill(text, thousands(count.unsigned_abs()));
            alerts.push(Alert { tag: Tag::new(tone, kind), text, href });
        }
    };
    if could(Action::OrderView) {
        let late = overdue(app, actor, &place, now).await?;
        let address = match could(Action::OrderClaim) || could(Action::OrderAssign) {
            true => Address::new("/audit", [("queue", "all"), ("city", place.city), ("channel", place.channel)]),
            false => Address::new("/orders", [("state", State::Submitted.as_str()), ("city", place.city), ("channel", place.channel)]),
        };
        add(Tone::Bad, w.alert_late, w.alert_overdue, late, address.to_string());
    }
    if could(Action::TicketView) {
        let region = app.visible_region(actor, Action::TicketView, place.city)?;
        let open = app.read(move |tx| crate::hotline::warning::open_in(tx, &region)).await?;
        let href = Address::new("/warnings", [("state", "open"), ("city", place.city)]);
        add(Tone::Bad, w.alert_watch, w.alert_warnings, open, href.to_string());
        let late =
            crate::hotline::Filter { region: place.city.to_owned(), late_at: Some(now), limit: 1, ..crate::hotline::Filter::default() };
        let (_, late) = crate::hotline::view::list(app, actor, late).await?;
        add(
            Tone::Bad,
            w.alert_late,
            w.alert_tickets,
            late,
            Address::new("/tickets", [("state", "late"), ("city", place.city)]).to_string(),
        );
    }
    if could(Action::NetworkView) {
        let dead = app.read(|tx| TOPICS.iter().map(|topic| Ok(outbox::depth(tx, topic)?.dead)).sum::<Result<i64>>()).await?;
        add(Tone::Bad, w.alert_fault, w.alert_dead, dead, "/network".to_owned());
    }
    if could(Action::SuspensionView) {
        let stopped = app.read(suspension::table::still_stopped).await?;
        let href = Address::new("/suspensions", [("queue", suspension::table::Queue::Unconfirmed.as_str())]);
        add(Tone::Bad, w.alert_late, w.alert_still_stopped, stopped, href.to_string());
    }
    if could(Action::AuditView) {
        let budget = app.number_rule("protection.reveals_per_day", now, "")?.value;
        let many = (budget / 2).max(1);
        let readers = app.read(move |tx| query::heavy_readers(tx, Timestamp::start_of(now.day()), many)).await?;
        add(Tone::Warning, w.alert_watch, &fill(w.alert_reveals, many), readers, "/log?action=reveal.field".to_owned());
    }
    if could(Action::ChannelView) {
        let filter = channels::Filter {
            region: place.city.to_owned(),
            kind: chuangsha_kernel::rulebook::ChannelKind::parse(place.channel),
            state: Some(channels::State::Warned),
            limit: 1,
            ..channels::Filter::default()
        };
        let warned = channels::page(app, actor, filter, true).await?.1.unwrap_or(0);
        let href = Address::new("/channels", [("state", channels::State::Warned.as_str()), ("city", place.city), ("kind", place.channel)]);
        add(Tone::Warning, w.alert_watch, w.alert_warned, warned, href.to_string());
    }
    if could(Action::LedgerView) {
        for (watch, text) in [(Watch::Expiring, w.alert_papers), (Watch::Idle, w.alert_idle)] {
            let count = watch::count(app, actor, watch, place.city).await?;
            add(
                Tone::Warning,
                w.alert_watch,
                text,
                count,
                Address::new("/ledger", [("watch", watch.as_str()), ("city", place.city)]).to_string(),
            );
        }
    }
    Ok(alerts)
}

/// Orders past the clock of the audit that this person may see.
///
/// # Errors
/// The record fails.
pub async fn overdue(app: &App, actor: &Actor, place: &Where<'_>, now: Timestamp) -> Result<i64> {
    let clock = app.clock_rule("registration.audit_clock", now)?.value;
    let filter = Filter { submitted_before: Some(now.plus_ms(-clock)), ..waiting(place) };
    view::count(app, actor, filter, view::COUNT_CAP).await
}

/// Orders that wait for an auditor.
pub fn waiting(place: &Where<'_>) -> Filter {
    Filter {
        states: vec![State::Submitted, State::Auditing],
        region: place.city.to_owned(),
        channel_kind: chuangsha_kernel::rulebook::ChannelKind::parse(place.channel).map(|kind| kind as i64),
        oldest_first: true,
        ..Filter::default()
    }
}
