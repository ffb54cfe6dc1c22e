//! 自然人: one person behind several documents, and what the law keeps from a person. The limit counts persons, not documents.

use chuangsha_kernel::{
    document::{Document, DocumentError, DocumentKind, PersonLink},
    id::SubjectId,
    role::Action,
    rulebook::ChannelKind,
    time::Timestamp,
};
use chuangsha_store::{Tx, params};
use chuangsha_vault::Field;
use zeroize::Zeroizing;

use super::{Refusal, desk::words, order::Product, table};
use crate::{
    App, channels,
    platform::{
        actor::Actor,
        audit::{By, Entry},
        failure::{Failure, Result},
    },
};

/// A document as shown.
#[derive(Clone, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Shown {
    /// Kind of document.
    pub document_kind: String,
    /// Number on it.
    #[schema(value_type = String)]
    pub document_number: Zeroizing<String>,
    /// Issuing country of a passport, three letters.
    #[serde(default)]
    pub country: Option<String>,
}

impl Shown {
    fn parse(&self, app: &App, role: &str) -> Result<Document> {
        let at = |error: DocumentError, field: &str| {
            Failure::from(chuangsha_kernel::problem::Refuse::problem(&error).field(format!("{role}.{field}")))
        };
        let kind = DocumentKind::parse(&self.document_kind).ok_or_else(|| at(DocumentError::UnknownKind, "document_kind"))?;
        let document = Document::parse(kind, &self.document_number, app.rules.provinces()).map_err(|error| at(error, "document_number"))?;
        match self.country.as_deref().filter(|country| !country.is_empty()) {
            Some(country) => document.with_country(country).map_err(|error| at(error, "country")),
            None => Ok(document),
        }
    }
}

/// 证件关联: two documents of one person, both shown at the counter of an own hall.
#[derive(Clone, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// One document.
    pub first: Shown,
    /// The other.
    pub second: Shown,
    /// What the clerk saw, 2 to 200 characters.
    pub words: String,
}

/// Makes one person of two documents. Their numbers are counted together from now on; what goes beyond the limit is kept, nothing is added.
pub async fn link(app: &App, actor: &Actor, input: Link) -> Result<()> {
    let now = app.clock.now();
    let why = words(input.words.clone())?;
    let (first, second) = (input.first.parse(app, "first")?, input.second.parse(app, "second")?);
    let link = PersonLink::between(&first, &second)
        .map_err(|error| Failure::from(chuangsha_kernel::problem::Refuse::problem(&error).field("second.document_number")))?;
    let one = app.vault.blind(Field::PersonKey, link.one.as_str())?.0;
    let other = app.vault.blind(Field::PersonKey, link.other.as_str())?.0;
    let (app, actor) = (app.clone(), actor.clone());
    let store = app.clone();
    store
        .write(move |tx| {
            let channel = channels::of_organisation(tx, actor.organisation)?.ok_or(Refusal::ChannelNotActive)?;
            actor.require(&app, Action::OrderReserve, &app.resource(actor.organisation, &channel.region, Some(actor.staff)))?;
            if channel.kind != ChannelKind::OwnHall || !channel.may_register() {
                return Err(Refusal::DocumentNotAllowedHere { article: "R-CHN-5".to_owned() }.into());
            }
            let (target, source) = (table::canonical(tx, one)?, table::canonical(tx, other)?);
            let subject = known(&app, tx, &target, now)?;
            if target != source {
                merge(&app, tx, &target, &source, now)?;
            }
            let facts = serde_json::json!({ "kind": link.kind, "already_linked": target == source }).to_string();
            let entry = Entry {
                action: "person.link",
                case_kind: "person",
                case: Some(subject.0),
                step: "linked",
                why: &why,
                article: "R-LIM-1",
                pack: &app.rules.version,
                facts: &facts,
                subject: Some(subject),
            };
            app.audit(tx, By::Actor(&actor), &entry, now).map(drop)
        })
        .await
}

/// The subject behind a key, made known on first sight.
fn known(app: &App, tx: &mut Tx, key: &[u8; 16], now: Timestamp) -> Result<SubjectId> {
    if let Some(person) = table::person(tx, key)? {
        return Ok(person.subject);
    }
    let subject = SubjectId(app.ids.next(now));
    table::add_person(tx, key, subject, now)?;
    Ok(subject)
}

/// Everything counted under `source` is counted under `target`.
fn merge(app: &App, tx: &mut Tx, target: &[u8; 16], source: &[u8; 16], now: Timestamp) -> Result<()> {
    let operator = app.config.operator.code.as_str();
    known(app, tx, source, now)?;
    for class in [Product::Voice.quota_class(), Product::Iot.quota_class()] {
        let mut used = table::slots(tx, operator, target, class)?;
        for slot in table::slots(tx, operator, source, class)? {
            let free = table::free_slot(&used);
            used.push(free);
            tx.push_one(
                "UPDATE quota_slot SET person_key = $4, slot = $5 WHERE operator = $1 AND person_key = $2 AND class = $3 AND slot = $6",
                &params![operator, source.as_slice(), class, target.as_slice(), free, slot],
            )?;
        }
    }
    // An order under way follows its slot; whoever has its page open is told that it moved on.
    tx.push(
        "UPDATE registration_order SET person_key = $1, version = version + 1, \
         slot = COALESCE((SELECT q.slot FROM quota_slot q WHERE q.holder = registration_order.id), slot) WHERE person_key = $2",
        &params![target.as_slice(), source.as_slice()],
    )?;
    tx.push(
        "UPDATE subscription SET person_key = $1 WHERE person_key = $2 AND subject IN (SELECT p.subject FROM person p \
         WHERE p.person_key = $2 OR p.person_key IN (SELECT l.from_key FROM person_link l WHERE l.to_key = $2))",
        &params![target.as_slice(), source.as_slice()],
    )?;
    tx.push(
        "UPDATE person SET listed_until = (SELECT MAX(p.listed_until) FROM person p WHERE p.person_key IN ($1, $2)) WHERE person_key = $1",
        &params![target.as_slice(), source.as_slice()],
    )?;
    tx.push("UPDATE person_link SET to_key = $1 WHERE to_key = $2", &params![target.as_slice(), source.as_slice()])?;
    tx.push_one("INSERT INTO person_link (from_key, to_key) VALUES ($2, $1)", &params![target.as_slice(), source.as_slice()])?;
    Ok(())
}

/// 限制名单: a person recognised by the police gets nothing new until a day (L-LIM-6).
#[derive(Clone, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Restriction {
    /// The person's document.
    pub document: Shown,
    /// Last day of the term, `2028-11-30`; a day in the past lifts the restriction.
    pub until: String,
    /// Basis: the notice and its number, 2 to 200 characters.
    pub words: String,
}

/// Enters or lifts a restriction. It ends by itself on its day.
pub async fn restrict(app: &App, actor: &Actor, input: Restriction) -> Result<()> {
    let now = app.clock.now();
    let why = words(input.words.clone())?;
    let document = input.document.parse(app, "document")?;
    let until: jiff::civil::Date = input.until.trim().parse().map_err(|_| Refusal::FieldInvalid { field: "until" })?;
    let ends = Timestamp::start_of(until.tomorrow().map_err(|_| Refusal::FieldInvalid { field: "until" })?);
    let key = app.vault.blind(Field::PersonKey, document.person_key().as_str())?.0;
    let (app, actor) = (app.clone(), actor.clone());
    let store = app.clone();
    store
        .write(move |tx| {
            actor.require(&app, Action::OrderDispute, &app.resource(actor.organisation, &actor.region, None))?;
            let key = table::canonical(tx, key)?;
            let subject = known(&app, tx, &key, now)?;
            tx.push_one("UPDATE person SET listed_until = $2 WHERE person_key = $1", &params![key.as_slice(), ends.0])?;
            let facts = serde_json::json!({ "until": until.to_string() }).to_string();
            let entry = Entry {
                action: "person.restrict",
                case_kind: "person",
                case: Some(subject.0),
                step: if ends > now { "restricted" } else { "lifted" },
                why: &why,
                article: "L-LIM-6",
                pack: &app.rules.version,
                facts: &facts,
                subject: Some(subject),
            };
            app.audit(tx, By::Actor(&actor), &entry, now).map(drop)
        })
        .await
}
