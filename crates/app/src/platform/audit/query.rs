//! Reading the log. Reading it is a right of its own, and itself recorded by the caller.

use chuangsha_kernel::{
    id::{OrganisationId, StaffId, SubjectId},
    role::Action,
    time::Timestamp,
};
use chuangsha_store::{Param, Row, Tx, params};
use chuangsha_vault::DataKey;
use uuid::Uuid;

use super::{PLACE, Words};
use crate::{App, platform::failure::Result};

/// One entry as a person reads it.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
pub struct Seen {
    /// Id.
    pub id: Uuid,
    /// Place in the tree; absent until the integrator came by.
    pub seq: Option<i64>,
    /// Milliseconds UTC.
    pub at_ms: i64,
    /// `order.approve`
    pub action: String,
    /// Kind of case.
    pub case_kind: String,
    /// Case.
    pub case: Option<Uuid>,
    /// What changed.
    pub step: String,
    /// Article that decided.
    pub article: String,
    /// Version of the rule packs.
    pub pack: String,
    /// 工号, or the system's job.
    pub number: String,
    /// Who.
    #[schema(value_type = Option<Uuid>)]
    pub staff: Option<StaffId>,
    /// Organisation.
    #[schema(value_type = Option<Uuid>)]
    pub organisation: Option<OrganisationId>,
    /// Network the request came from.
    pub from: String,
    /// Words that were given.
    pub why: String,
    /// What it was decided on.
    pub facts: String,
}

impl Seen {
    /// When, as people read it.
    pub fn at(&self) -> String {
        Timestamp(self.at_ms).display()
    }
}

const COLUMNS: &str = "id, seq, at, action, case_kind, case_id, staff, organisation, leaf, sealed, facts";

fn seen(row: &Row, key: Option<&DataKey>) -> Result<Seen> {
    let leaf: serde_json::Value = serde_json::from_slice(&row.bytes(8)?).unwrap_or_default();
    let text = |name: &str| leaf.get(name).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
    let words = match key {
        Some(key) => serde_json::from_slice(&key.open(PLACE, &row.bytes(9)?)?).ok(),
        None => None,
    };
    let words: Words = words.unwrap_or(Words { salt: String::new(), why: String::new(), number: String::new() });
    Ok(Seen {
        id: row.uuid(0)?,
        seq: row.opt_int(1)?,
        at_ms: row.int(2)?,
        action: row.text(3)?,
        case_kind: row.text(4)?,
        case: row.opt_uuid(5)?,
        step: text("step"),
        article: text("article"),
        pack: text("pack"),
        number: words.number,
        staff: row.opt_uuid(6)?.map(StaffId),
        organisation: row.opt_uuid(7)?.map(OrganisationId),
        from: text("from"),
        why: words.why,
        facts: row.text(10)?,
    })
}

/// The entries of one case, oldest first.
pub fn of_case(app: &App, tx: &mut Tx, case: Uuid) -> Result<Vec<Seen>> {
    let key = app.audit_key_if_any(tx)?;
    tx.query(&format!("SELECT {COLUMNS} FROM audit_entry WHERE case_id = $1 ORDER BY id LIMIT 500"), &params![&case])?
        .iter()
        .map(|row| seen(row, key.as_deref()))
        .collect()
}

/// Entries about the data of a person, by whichever of their subjects, newest first: those of the given actions; an action ends in a dot where
/// all that begin so are meant.
pub fn of_subjects(app: &App, tx: &mut Tx, subjects: &[SubjectId], actions: &[&str], after: Option<Uuid>, limit: i64) -> Result<Vec<Seen>> {
    let key = app.audit_key_if_any(tx)?;
    let marks = subjects.iter().map(|subject| app.subject_mark(*subject)).collect::<Result<Vec<_>>>()?;
    let mut values: Vec<Param> = Vec::new();
    let mut sql = format!("SELECT {COLUMNS} FROM audit_entry WHERE (1 = 0");
    for mark in &marks {
        values.push(Param::from(mark.as_slice()));
        sql.push_str(&format!(" OR subject_mark = ${}", values.len()));
    }
    sql.push_str(") AND (1 = 0");
    for action in actions {
        values.push(Param::from(*action));
        let at = values.len();
        sql.push_str(&if action.ends_with('.') {
            format!(" OR substr(action, 1, length(${at})) = ${at}")
        } else {
            format!(" OR action = ${at}")
        });
    }
    sql.push(')');
    if let Some(after) = &after {
        values.push(Param::from(after));
        sql.push_str(&format!(" AND id < ${}", values.len()));
    }
    values.push(Param::from(limit));
    sql.push_str(&format!(" ORDER BY id DESC LIMIT ${}", values.len()));
    tx.query(&sql, &values)?.iter().map(|row| seen(row, key.as_deref())).collect()
}

/// What a list of entries shows.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Action, from its start: `order.` or `reveal.field`.
    pub action: String,
    /// Who.
    pub staff: Option<StaffId>,
    /// Case.
    pub case: Option<Uuid>,
    /// From.
    pub from: Option<Timestamp>,
    /// Before.
    pub before: Option<Timestamp>,
    /// Keyset: the last row of the page before.
    pub after: Option<Uuid>,
    /// Rows.
    pub limit: i64,
}

/// Counted no further: an exact count of millions is not worth its time.
pub const COUNT_CAP: i64 = 10_000;

/// The least id an entry of that moment can have: ids begin with the time they were made at, so a span of time is a span of the primary key.
fn first_id(at: Timestamp) -> [u8; 16] {
    (u128::from(at.0.max(0).unsigned_abs()) << 80).to_be_bytes()
}

/// The span of the primary key a filter's days cover.
type Span = (Option<[u8; 16]>, Option<[u8; 16]>);

fn span(filter: &Filter) -> Span {
    (filter.from.map(first_id), filter.before.map(first_id))
}

/// Where-clause of a filter and its values.
fn conditions<'a>(filter: &'a Filter, (first, last): &'a Span, values: &mut Vec<Param<'a>>) -> String {
    let mut sql = String::from("1 = 1");
    let mut add = |text: &str, value: Param<'a>| {
        values.push(value);
        sql.push_str(" AND ");
        sql.push_str(&text.replace('?', &format!("${}", values.len())));
    };
    // A whole name has an index of its own; of a beginning there are so many that the newest page is soon full.
    if Action::parse(&filter.action).is_some() {
        add("action = ?", Param::from(filter.action.as_str()));
    } else if !filter.action.is_empty() {
        add("substr(action, 1, length(?)) = ?", Param::from(filter.action.as_str()));
    }
    if let Some(staff) = &filter.staff {
        add("staff = ?", Param::from(staff.as_bytes()));
    }
    if let Some(case) = &filter.case {
        add("case_id = ?", Param::from(case.as_bytes().as_slice()));
    }
    if let Some(from) = filter.from {
        add("at >= ?", Param::from(from.0));
    }
    if let Some(before) = filter.before {
        add("at < ?", Param::from(before.0));
    }
    if let Some(first) = first {
        add("id >= ?", Param::from(first.as_slice()));
    }
    if let Some(last) = last {
        add("id < ?", Param::from(last.as_slice()));
    }
    sql
}

/// How many entries a filter finds, counted up to [`COUNT_CAP`].
pub fn count(tx: &mut Tx, filter: &Filter) -> Result<i64> {
    let span = span(filter);
    let mut values = Vec::new();
    let sql = conditions(filter, &span, &mut values);
    values.push(Param::from(COUNT_CAP));
    let sql = format!("SELECT COUNT(*) FROM (SELECT 1 FROM audit_entry WHERE {sql} LIMIT ${}) AS found", values.len());
    Ok(tx.query_one(&sql, &values)?.int(0)?)
}

/// One page, newest first.
pub fn list(app: &App, tx: &mut Tx, filter: &Filter) -> Result<Vec<Seen>> {
    let key = app.audit_key_if_any(tx)?;
    let span = span(filter);
    let mut values = Vec::new();
    let mut sql = conditions(filter, &span, &mut values);
    if let Some(after) = &filter.after {
        values.push(Param::from(after.as_bytes().as_slice()));
        sql.push_str(&format!(" AND id < ${}", values.len()));
    }
    values.push(Param::from(filter.limit.clamp(1, 201)));
    let sql = format!("SELECT {COLUMNS} FROM audit_entry WHERE {sql} ORDER BY id DESC LIMIT ${}", values.len());
    tx.query(&sql, &values)?.iter().map(|row| seen(row, key.as_deref())).collect()
}

/// How many people revealed at least `many` fields since: the entries of that time only are read, for ids grow with time.
pub fn heavy_readers(tx: &mut Tx<'_>, since: Timestamp, many: i64) -> Result<i64> {
    let first = first_id(since);
    let sql = "SELECT COUNT(*) FROM (SELECT staff FROM audit_entry WHERE id >= $1 AND action = 'reveal.field' AND staff IS NOT NULL \
               GROUP BY staff HAVING COUNT(*) >= $2) AS readers";
    Ok(tx.query_one(sql, &params![first.as_slice(), many])?.int(0)?)
}
