//! 查询用户: by the full number or document number and nothing less. A look-up is an event of its own: written down whether or not it finds
//! somebody, counted by the hour, and its address afterwards says nothing.

use chuangsha_kernel::{
    document::{Document, DocumentKind},
    id::SubjectId,
    phone::Phone,
    problem::{Problem, Refuse},
    role::{Action, RegionCode, Resource},
    time::HOUR_MS,
};
use chuangsha_store::{Tx, params};
use chuangsha_vault::Field;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::code;
use crate::{
    App,
    platform::{
        actor::Actor,
        audit::{By, Entry},
        failure::{Failure, Result},
    },
    registration::subscription,
};

/// `by` of a search by mobile number.
pub const BY_NUMBER: &str = "number";

/// What is looked up. Wiped when dropped; no Debug.
#[derive(Clone, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// `number`, or a kind of document: `resident_id`, `passport`, …
    pub by: String,
    /// The full number.
    #[schema(value_type = String)]
    pub value: Zeroizing<String>,
    /// With `number`: who had it on this day, `2026-03-01`; empty: who has it now.
    #[serde(default)]
    pub on: String,
}

/// The blind index of what is looked up.
enum Index {
    Number([u8; 16]),
    NumberOn([u8; 16], jiff::civil::Date),
    Document(DocumentKind, [u8; 16], [u8; 16]),
}

/// A subscriber as the role table sees them: of this carrier, where they live.
pub(super) fn resource(app: &App, region: &str) -> Resource {
    Resource { owner: None, organisation: None, carrier: app.people.carrier(), region: RegionCode::read(region) }
}

/// Finds a subscriber; the answer is the id of their page, which says nothing about them.
///
/// # Errors
/// `subscriber.not_found`, `.lookups_spent`, `.kind_unknown`; the codes of a number or document that cannot be one; `people.denied`
pub async fn search(app: &App, actor: &Actor, search: Search) -> Result<Uuid> {
    actor.reach(app, Action::SubscriberView)?;
    let now = app.clock.now();
    let index = index(app, &search)?;
    let (writer, actor) = (app.clone(), actor.clone());
    let found = app
        .write(move |tx| {
            actor.reach(&writer, Action::SubscriberView)?;
            let limit = writer.number_rule("protection.lookups_per_hour", now, "")?;
            let sql = "SELECT COUNT(*) FROM audit_entry WHERE staff = $1 AND at > $2 AND action = 'subscriber.search'";
            let used = tx.query_one(sql, &params![actor.staff.as_bytes(), now.plus_ms(-HOUR_MS)])?.int(0)?;
            if used >= limit.value {
                return Err(Problem::new(&code::LOOKUPS_SPENT).with("limit", limit.value).into());
            }
            let found = look_up(&writer, tx, &actor, &index)?;
            let facts = serde_json::json!({
                "found": found.is_some(), "used": used, "limit": limit.value, "post": actor.roles.names(),
            })
            .to_string();
            let entry = Entry {
                action: "subscriber.search",
                case_kind: "subscriber",
                case: found.map(|(id, _)| id),
                step: match index {
                    Index::Number(_) => "number",
                    Index::NumberOn(..) => "number_on_day",
                    Index::Document(..) => "document",
                },
                article: &limit.article,
                pack: &limit.pack_version,
                facts: &facts,
                subject: found.and_then(|(_, subject)| subject),
                ..Entry::default()
            };
            writer.audit(tx, By::Actor(&actor), &entry, now)?;
            Ok::<_, Failure>(found.map(|(id, _)| id))
        })
        .await?;
    // Refused outside the transaction: a look-up that found nobody stays in the log.
    found.ok_or_else(|| Problem::new(&code::NOT_FOUND).field("value").into())
}

fn index(app: &App, search: &Search) -> Result<Index> {
    let at = |refusal: &dyn Refuse| Failure::from(refusal.problem().field("value"));
    if search.by == BY_NUMBER {
        let phone = Phone::parse(&search.value).map_err(|error| at(&error))?;
        let index = app.vault.blind(Field::Phone, &phone.e164())?.0;
        return match search.on.trim() {
            "" => Ok(Index::Number(index)),
            day => day.parse().map(|day| Index::NumberOn(index, day)).map_err(|_| Problem::new(&code::DAY_FORM).field("on").into()),
        };
    }
    if !search.on.trim().is_empty() {
        // A document is its holder's on every day: a day beside it would be left out silently.
        return Err(Problem::new(&code::DAY_FORM).field("on").into());
    }
    let kind = DocumentKind::parse(&search.by).ok_or_else(|| Problem::new(&code::KIND_UNKNOWN).field("by"))?;
    let document = Document::parse(kind, &search.value, app.rules.provinces()).map_err(|error| at(&error))?;
    let person = app.vault.blind(Field::PersonKey, document.person_key().as_str())?.0;
    Ok(Index::Document(kind, app.vault.blind(Field::DocumentNumber, document.number())?.0, person))
}

/// Page and subject of what the index finds, when this person may see it. Who may not learns no more than when nobody is there.
fn look_up(app: &App, tx: &mut Tx, actor: &Actor, index: &Index) -> Result<Option<(Uuid, Option<SubjectId>)>> {
    let found = match index {
        Index::Number(index) => subscription::of_number(tx, index)?.map(|held| (held.id, held.subject, held.region)),
        Index::NumberOn(index, day) => {
            subscription::of_number_on(tx, index, *day)?.into_iter().next().map(|held| (held.id, held.subject, held.region))
        }
        Index::Document(kind, index, person) => match subscription::of_document(tx, *kind, index, person)? {
            Some(subject) => Some((subject.0, Some(subject), super::view::home(tx, subject)?)),
            None => None,
        },
    };
    Ok(found.filter(|(_, _, region)| actor.may(app, Action::SubscriberView, &resource(app, region))).map(|(id, subject, _)| (id, subject)))
}
