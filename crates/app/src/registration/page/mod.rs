//! Pages of registration: my work, capture, audit queue, orders.

pub mod audit;
pub mod capture;
pub mod case;
pub mod checks;
pub mod field;
pub mod orders;
pub mod queue;
pub mod reregister;
pub mod work;

use axum::Router;
use chuangsha_kernel::{problem::Language, rulebook::ChannelKind, time::Timestamp};

use super::order::{Check, Customer, Defect, ImageKind, Mode, Product, RejectReason, Risk, State};
use crate::{
    App,
    platform::{
        failure::{Failure, Result},
        web::{
            form::Choice,
            parts::{Tag, Tone, duration},
            table::Cell,
        },
        words::Words,
    },
};

/// Routes of these pages.
pub fn pages() -> Router<App> {
    Router::new().merge(work::pages()).merge(reregister::pages()).merge(capture::pages()).merge(audit::pages()).merge(orders::pages())
}

/// Name of a city in the language of the page; the code where the rule pack does not know it.
pub fn region_name(app: &App, language: Language, code: &str) -> String {
    app.rules.provinces().city(code).or_else(|| app.rules.provinces().province(code)).map_or_else(
        || code.to_owned(),
        |region| match language {
            Language::Chinese => region.zh.clone(),
            Language::English => region.en.clone(),
        },
    )
}

/// The cities a person may choose from: those of their province, or all.
pub fn city_choices(app: &App, language: Language, w: &Words, region: &str) -> Vec<Choice> {
    let mut choices = vec![Choice::new("", w.all)];
    let provinces = app.rules.provinces();
    let own = region.get(..2).unwrap_or_default();
    for province in provinces.provinces().filter(|province| own.is_empty() || province.code.starts_with(own)) {
        choices.extend(provinces.cities(&province.code).map(|city| {
            let name = match language {
                Language::Chinese => &city.zh,
                Language::English => &city.en,
            };
            // Organisations and orders carry six digits.
            Choice::new(format!("{}00", city.code), name)
        }));
    }
    choices
}

/// A state in words.
pub fn state_words(w: &Words, state: State) -> &'static str {
    match state {
        State::Draft => w.state_draft,
        State::Reserved => w.state_reserved,
        State::Captured => w.state_captured,
        State::Submitted => w.state_submitted,
        State::Auditing => w.state_auditing,
        State::Returned => w.state_returned,
        State::Escalated => w.state_escalated,
        State::Approved => w.state_approved,
        State::DeliveryPending => w.state_delivery_pending,
        State::Activating => w.state_activating,
        State::Activated => w.state_activated,
        State::Rejected => w.state_rejected,
        State::Cancelled => w.state_cancelled,
        State::Expired => w.state_expired,
    }
}

/// A state as a tag.
pub fn state_tag(w: &Words, state: State) -> Tag {
    let tone = match state {
        State::Activated => Tone::Good,
        State::Approved | State::Auditing | State::Submitted | State::Activating | State::DeliveryPending => Tone::Active,
        State::Returned | State::Escalated => Tone::Warning,
        State::Rejected => Tone::Bad,
        State::Draft | State::Reserved | State::Captured | State::Cancelled | State::Expired => Tone::Quiet,
    };
    Tag::new(tone, state_words(w, state))
}

/// The states as choices.
pub fn state_choices(w: &Words) -> Vec<Choice> {
    let mut choices = vec![Choice::new("", w.all)];
    choices.extend(State::ALL.into_iter().map(|state| Choice::new(state.as_str(), state_words(w, state))));
    choices
}

/// A product in words.
pub fn product_words(w: &Words, product: Product) -> &'static str {
    match product {
        Product::Voice => w.product_voice,
        Product::Data => w.product_data,
        Product::Iot => w.product_iot,
    }
}

/// Products as choices.
pub fn product_choices(w: &Words) -> Vec<Choice> {
    let mut choices = vec![Choice::new("", w.all)];
    choices.extend(Product::ALL.into_iter().map(|product| Choice::new(product.as_str(), product_words(w, product))));
    choices
}

/// A grade of risk as a tag.
pub fn risk_tag(w: &Words, risk: Risk) -> Tag {
    match risk {
        Risk::High => Tag::new(Tone::Bad, w.risk_high),
        Risk::Medium => Tag::new(Tone::Warning, w.risk_medium),
        Risk::Low => Tag::new(Tone::Quiet, w.risk_low),
    }
}

/// Grades of risk as choices.
pub fn risk_choices(w: &Words) -> Vec<Choice> {
    let mut choices = vec![Choice::new("", w.all)];
    choices.extend(Risk::ALL.into_iter().map(|risk| Choice::new(risk.as_str(), risk_tag(w, risk).text)));
    choices
}

/// How an order came in, in words: a re-registration is named as one, whatever the mode.
pub fn way_words(w: &Words, mode: Mode, reregistration: bool) -> &'static str {
    if reregistration { w.reregistration } else { mode_words(w, mode) }
}

/// A mode in words.
pub fn mode_words(w: &Words, mode: Mode) -> &'static str {
    match mode {
        Mode::Counter => w.mode_counter,
        Mode::OnlineDelivery => w.mode_online_delivery,
        Mode::OnlineCollect => w.mode_online_collect,
    }
}

/// A customer in words.
pub fn customer_words(w: &Words, customer: Customer) -> &'static str {
    match customer {
        Customer::Individual => w.customer_individual,
        Customer::Group => w.customer_group,
    }
}

/// A kind of outlet in words.
pub fn channel_words(w: &Words, kind: ChannelKind) -> &'static str {
    match kind {
        ChannelKind::OwnHall => w.own_hall,
        ChannelKind::SocialOutlet => w.social_outlet,
        ChannelKind::Online => w.online,
    }
}

/// Kinds of outlet as choices.
pub fn channel_choices(w: &Words) -> Vec<Choice> {
    let mut choices = vec![Choice::new("", w.all)];
    choices.extend(ChannelKind::ALL.iter().map(|kind| Choice::new(kind.as_str(), channel_words(w, *kind))));
    choices
}

/// A kind of picture in words.
pub fn image_words(w: &Words, kind: ImageKind) -> &'static str {
    match kind {
        ImageKind::DocumentFront => w.front,
        ImageKind::DocumentBack => w.back,
        ImageKind::LivePhoto => w.photo,
        ImageKind::Signature => w.signature,
        ImageKind::AgentDocument => w.agent_document,
        ImageKind::OrganisationCertificate => w.organisation_certificate,
    }
}

/// A defect in words.
pub fn defect_words(w: &Words, defect: Defect) -> &'static str {
    match defect {
        Defect::DocumentBlurred => w.defect_document_blurred,
        Defect::DocumentGlare => w.defect_document_glare,
        Defect::DocumentCropped => w.defect_document_cropped,
        Defect::PhotoUnclear => w.defect_photo_unclear,
        Defect::SignatureUnclear => w.defect_signature_unclear,
        Defect::FieldsWrong => w.defect_fields_wrong,
        Defect::AgentIncomplete => w.defect_agent_incomplete,
    }
}

/// A reason in words.
pub fn reason_words(w: &Words, reason: RejectReason) -> &'static str {
    match reason {
        RejectReason::NotTheHolder => w.reject_not_the_holder,
        RejectReason::ForgedDocument => w.reject_forged_document,
        RejectReason::ExpiredDocument => w.reject_expired_document,
        RejectReason::CheckFailed => w.reject_check_failed,
        RejectReason::QuotaFull => w.reject_quota_full,
        RejectReason::AgentUnauthorised => w.reject_agent_unauthorised,
        RejectReason::DeliveryMismatch => w.reject_delivery_mismatch,
        RejectReason::Other => w.reject_other,
    }
}

/// The networked check as a tag.
pub fn check_tag(w: &Words, check: Check) -> Tag {
    match check {
        Check::Waiting => Tag::new(Tone::Quiet, w.check_waiting),
        Check::Match => Tag::new(Tone::Good, w.check_match),
        Check::Mismatch => Tag::new(Tone::Bad, w.check_mismatch),
        Check::NotFound => Tag::new(Tone::Bad, w.check_not_found),
    }
}

/// A document kind in words, from its stable code.
pub fn document_words(language: Language, code: &str) -> String {
    chuangsha_kernel::document::DocumentKind::parse(code).map_or_else(
        || code.to_owned(),
        |kind| match language {
            Language::Chinese => kind.zh().to_owned(),
            Language::English => kind.en().to_owned(),
        },
    )
}

/// A party's role in words.
pub fn party_words(w: &Words, role: &str) -> &'static str {
    match role {
        "agent" => w.party_agent,
        "organisation" => w.party_organisation,
        "handler" => w.party_handler,
        _ => w.party_holder,
    }
}

/// Milliseconds as `09:48`: a lease that runs down before one's eyes.
pub fn countdown(ms: i64) -> String {
    let seconds = ms.max(0) / 1_000;
    format!("{:02}:{:02}", seconds / 60, seconds % 60)
}

/// How old against the clock: late is bad, from half of it on a warning.
pub fn age(w: &Words, waited_ms: Option<i64>, due_ms: i64, overdue: bool) -> Cell {
    match waited_ms {
        None => Cell::Text("—".to_owned()),
        Some(ms) => {
            let tone = if overdue {
                Tone::Bad
            } else if ms * 2 > due_ms {
                Tone::Warning
            } else {
                Tone::Quiet
            };
            Cell::Age(duration(w, ms), tone, String::new())
        }
    }
}

/// A moment of the API as people read it: `2026-11-22 09:30:00`, China.
pub fn moment(rfc3339: &str) -> String {
    rfc3339.parse::<jiff::Timestamp>().map_or_else(|_| rfc3339.to_owned(), |at| Timestamp(at.as_millisecond()).display())
}

/// Cursor of a list as it stands in an address.
pub fn cursor_text(cursor: (i64, uuid::Uuid)) -> String {
    format!("{}.{}", cursor.0, cursor.1.simple())
}

/// Reads a cursor back.
pub fn read_cursor(text: &str) -> Option<(i64, uuid::Uuid)> {
    let (at, id) = text.split_once('.')?;
    Some((at.parse().ok()?, uuid::Uuid::try_parse(id).ok()?))
}

/// An id of an address; anything else is a page that is not there.
pub fn order_id(text: &str) -> Result<chuangsha_kernel::id::OrderId> {
    text.parse().map_err(|_| Failure::from(super::Refusal::NotFound))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_runs_down_in_minutes_and_seconds() {
        assert_eq!([588_000, 47_000, 0, -5].map(countdown), ["09:48", "00:47", "00:00", "00:00"]);
    }

    #[test]
    fn a_cursor_survives_an_address() {
        let cursor = (1_795_000_000_000, uuid::Uuid::from_u128(7));
        assert_eq!(read_cursor(&cursor_text(cursor)), Some(cursor));
        assert_eq!(read_cursor("x.y"), None);
        assert_eq!(read_cursor(""), None);
    }

    #[test]
    fn a_moment_is_told_in_china_time() {
        assert_eq!(moment("2026-11-22T01:30:00.000Z"), "2026-11-22 09:30:00");
        assert_eq!(moment("soon"), "soon");
    }
}
