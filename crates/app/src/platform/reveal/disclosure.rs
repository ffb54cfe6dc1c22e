//! 谁看过我: who looked at a person's data, read back from the log. The person is told organisation, post, purpose and time, never who it was;
//! a look made for a request by law is told on the day that was set when it was made.

use std::collections::HashMap;

use chuangsha_kernel::{
    id::{OrganisationId, SubjectId},
    role::{Role, RoleSet},
    time::Timestamp,
};
use chuangsha_store::Tx;
use uuid::Uuid;

use crate::{
    App,
    platform::{
        audit::query::{self, Seen},
        failure::Result,
        people::{organisation, staff},
        purpose::Purpose,
    },
};

/// Entries that look without changing anything.
pub const LOOKS: [&str; 4] = ["reveal.field", "image.view", "subscriber.search", "subscriber.view"];

/// Who is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// The person, and whoever may know no more than they.
    Person,
    /// Whoever holds `subscriber.access`: with staff number, words, and what is withheld.
    Officer,
}

/// 一次查看: one look at a person's data.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
pub struct Disclosure {
    /// Id of the entry in the log.
    pub id: Uuid,
    /// RFC 3339.
    pub at: String,
    /// `reveal.field`, `image.view`, `subscriber.search`, `subscriber.view`.
    pub action: String,
    /// Field or picture: `holder.document_number`, `document_front`; empty for a masked look.
    pub what: String,
    /// What for, where one was given.
    pub purpose: Option<Purpose>,
    /// Organisation, Chinese.
    pub organisation_zh: String,
    /// Organisation, English.
    pub organisation_en: String,
    /// Posts they held then, by stable name.
    #[schema(value_type = Vec<String>)]
    pub posts: Vec<Role>,
    /// 工号; officers only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// Case and words; officers only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Not told to the person before this moment, RFC 3339; officers only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub withheld_until: Option<String>,
}

/// One page of the looks at a person, newest first; `after` is the last id of the page before.
pub fn of_person(
    app: &App,
    tx: &mut Tx,
    subjects: &[SubjectId],
    audience: Audience,
    after: Option<Uuid>,
    limit: usize,
) -> Result<(Vec<Disclosure>, Option<Uuid>)> {
    let now = app.clock.now();
    let mut known: HashMap<OrganisationId, (String, String)> = HashMap::new();
    let (mut told, mut after) = (Vec::new(), after);
    loop {
        let entries = query::of_subjects(app, tx, subjects, &LOOKS, after, limit as i64 + 1)?;
        let read = entries.len();
        for entry in entries {
            if told.len() == limit {
                return Ok((told, after));
            }
            after = Some(entry.id);
            if let Some(one) = disclosure(tx, &entry, audience, now, &mut known)? {
                told.push(one);
            }
        }
        // What is withheld leaves its page short: the next is read into it.
        if read <= limit {
            return Ok((told, None));
        }
    }
}

fn disclosure(
    tx: &mut Tx,
    entry: &Seen,
    audience: Audience,
    now: Timestamp,
    known: &mut HashMap<OrganisationId, (String, String)>,
) -> Result<Option<Disclosure>> {
    let facts: serde_json::Value = serde_json::from_str(&entry.facts).unwrap_or_default();
    let text = |name: &str| facts.get(name).and_then(serde_json::Value::as_str);
    let withheld = text("withheld_until").and_then(|at| at.parse::<jiff::Timestamp>().ok()).filter(|at| at.as_millisecond() > now.0);
    if withheld.is_some() && audience == Audience::Person {
        return Ok(None);
    }
    let (organisation_zh, organisation_en) = match entry.organisation {
        Some(id) => {
            if let std::collections::hash_map::Entry::Vacant(place) = known.entry(id) {
                let found = organisation::find(tx, id)?;
                place.insert((found.zh, found.en));
            }
            known.get(&id).cloned().unwrap_or_default()
        }
        None => (String::new(), String::new()),
    };
    // The posts of that day stand in the entry; an older entry did not keep them.
    let posts = match (text("post"), entry.staff) {
        (Some(names), _) => names.split(',').filter_map(Role::parse).collect(),
        (None, Some(id)) => staff::roles(tx, id)?.map_or_else(Vec::new, |roles: RoleSet| roles.iter().collect()),
        (None, None) => Vec::new(),
    };
    let officer = audience == Audience::Officer;
    Ok(Some(Disclosure {
        id: entry.id,
        at: Timestamp(entry.at_ms).rfc3339(),
        action: entry.action.clone(),
        what: if entry.action.starts_with("subscriber.") { String::new() } else { entry.step.clone() },
        purpose: text("purpose").and_then(Purpose::parse),
        organisation_zh,
        organisation_en,
        posts,
        number: officer.then(|| entry.number.clone()),
        why: officer.then(|| entry.why.clone()),
        withheld_until: withheld.map(|at| Timestamp(at.as_millisecond()).rfc3339()),
    }))
}
